//! Each rule fails on a small workspace that breaks it, and a workspace that breaks none passes.

use std::fs;
use std::path::{Path, PathBuf};

use waterwheel_layers::{Fault, MOST_LINES, TABLE, check, draft};

/// A workspace on disk that breaks no rule, for a test to break one.
///
/// `executor` is above `reactor`. In `executor`, the room `runtime` is above `queue` and `list`, of which `queue` may import `list`; and those
/// are above `task`.
struct Workspace {
    root: PathBuf,
}

const TABLE_TEXT: &str = "\
# Crates.
[crates]
executor
reactor

[executor]
runtime
queue  list : queue -> list   # one of them needs the other
task

[reactor]
turn
";

impl Workspace {
    fn new(test: &str) -> Workspace {
        let this = Workspace {
            root: Path::new(env!("CARGO_TARGET_TMPDIR")).join(test),
        };
        let _ = fs::remove_dir_all(&this.root);
        this.write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"executor\", \"reactor\"]\n",
        );
        this.write(TABLE, TABLE_TEXT);
        this.write(
            "executor/Cargo.toml",
            "[package]\nname = \"waterwheel-executor\"\n\n[dependencies]\nwaterwheel-reactor.workspace = true\n",
        );
        this.write(
            "executor/src/lib.rs",
            "mod list;\nmod queue;\nmod runtime;\nmod task;\npub use runtime::Runtime;\n",
        );
        this.write(
            "executor/src/runtime/mod.rs",
            "use crate::queue::Queue;\nuse crate::task;\npub struct Runtime;\n",
        );
        this.write(
            "executor/src/queue.rs",
            "use crate::list::List;\nuse super::task::Task;\n",
        );
        this.write("executor/src/list.rs", "use crate::task::Task;\n");
        this.write(
            "executor/src/task/mod.rs",
            "mod header;\nuse self::header::Header;\n",
        );
        this.write(
            "executor/src/task/header.rs",
            "use super::Task;\nuse crate::task::state;\n",
        );
        this.write("reactor/Cargo.toml", "[package]\nname = \"waterwheel-reactor\"\n\n[dev-dependencies]\nwaterwheel-executor.workspace = true\n");
        this.write("reactor/src/lib.rs", "mod turn;\n");
        this.write("reactor/src/turn.rs", "");
        this
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.root.join(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        self.write(file, &text.replace(from, to));
    }

    fn faults(&self) -> Vec<Fault> {
        check(&self.root).0
    }

    /// There are these faults and no others: where each is, and a part of what it says.
    #[track_caller]
    fn expect(&self, expected: &[(&str, usize, &str)]) {
        let faults = self.faults();
        let matches = faults.len() == expected.len()
            && faults
                .iter()
                .zip(expected)
                .all(|(fault, (file, line, part))| {
                    fault.file == *file && fault.line == *line && fault.message.contains(part)
                });
        let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
        assert!(
            matches,
            "expected {expected:#?}, and found\n{}",
            lines.join("\n")
        );
    }
}

#[test]
fn a_workspace_in_order_passes() {
    let workspace = Workspace::new("in_order");
    workspace.expect(&[]);
    let seen = check(&workspace.root).1;
    assert_eq!(
        (seen.crates, seen.rooms, seen.files, seen.imports),
        (2, 5, 8, 5)
    );
}

// --- Imports.

#[test]
fn an_import_of_a_room_above_fails() {
    let workspace = Workspace::new("up");
    workspace.write(
        "executor/src/task/mod.rs",
        "mod header;\n\nuse crate::runtime::Runtime;\n",
    );
    workspace.expect(&[(
        "executor/src/task/mod.rs",
        3,
        "task imports runtime::Runtime, and runtime is on a layer above it",
    )]);
}

#[test]
fn every_form_of_an_import_counts() {
    let forms = [
        ("use crate::runtime::Runtime;", 1),
        ("use crate::runtime;", 1),
        ("use crate::runtime::*;", 1),
        ("pub use crate::runtime::Runtime as Other;", 1),
        ("pub(crate) use super::super::runtime::{self};", 1),
        (
            "use crate::{\n    task::{state, memory},\n    runtime::{\n        Handle,\n    },\n};",
            4,
        ),
        ("use {super::Task, super::super::runtime::Runtime};", 1),
        (
            "mod inner {\n    use super::super::super::runtime::Runtime;\n}",
            2,
        ),
        ("fn f() -> crate::runtime::Runtime { todo!() }", 1),
        ("fn f(of: crate::runtime::Runtime) {}", 1),
        ("fn f() {\n    crate::runtime::start();\n}", 2),
        (
            "fn f() {\n    assert!(matches!(x, crate::runtime::Kind::A));\n}",
            2,
        ),
        ("macro_rules! m { () => { $crate::runtime::start() } }", 1),
        ("impl super::super::runtime::Trait for X {}", 1),
        ("#[cfg(not(test))]\nuse crate::runtime::Runtime;", 2),
        ("#[cfg(any(test, unix))]\nuse crate::runtime::Runtime;", 2),
        (
            "#[cfg(test)]\nuse crate::{queue, list};\nuse crate::runtime::Runtime;",
            3,
        ),
    ];
    for (form, line) in forms {
        let workspace = Workspace::new("forms");
        workspace.write("executor/src/task/header.rs", form);
        let faults = workspace.faults();
        assert_eq!(faults.len(), 1, "{form}: {faults:#?}");
        assert_eq!(
            (faults[0].file.as_str(), faults[0].line),
            ("executor/src/task/header.rs", line),
            "{form}"
        );
    }
}

#[test]
fn comments_strings_and_other_crates_do_not_count() {
    let workspace = Workspace::new("no_imports");
    workspace.write(
        "executor/src/task/header.rs",
        "//! [`crate::runtime`]\n\
         // use crate::runtime::Runtime;\n\
         /* crate::runtime::start() */\n\
         /// See [there](crate::runtime::Runtime).\n\
         const TEXT: &str = \"crate::runtime::start()\";\n\
         use runtime::Runtime;\n\
         use other::crate_runtime;\n\
         use super::super::task::state;\n\
         pub(crate) fn f(self) { self.runtime(); self::runtime(); super::runtime(); }\n",
    );
    workspace.expect(&[]);
}

#[test]
fn tests_may_import_what_they_like() {
    let workspace = Workspace::new("tests_import");
    workspace.write(
        "executor/src/task/mod.rs",
        "#[cfg(all(any(test, debug_assertions), not(loom)))]\nmod validate;\nmod header;\n\
         #[cfg(test)]\npub(crate) mod oracle;\n\
         #[cfg(test)]\nmod tests {\n    use crate::runtime::Runtime;\n}\n\
         #[test]\nfn one() { crate::runtime::start() }\n\
         struct S { #[cfg(test)] of: crate::runtime::Runtime, other: u8 }\n",
    );
    for file in ["validate", "oracle", "tests", "tests/of_all", "oracle/more"] {
        workspace.write(
            &format!("executor/src/task/{file}.rs"),
            "use crate::runtime::Runtime;\n",
        );
    }
    workspace.write(
        "executor/src/task/header.rs",
        "#![cfg(test)]\nuse crate::runtime::Runtime;\n",
    );
    workspace.expect(&[]);
}

#[test]
fn what_comes_after_a_test_counts() {
    let workspace = Workspace::new("after_tests");
    workspace.write(
        "executor/src/task/mod.rs",
        "struct S {\n#[cfg(test)] of: u8,\nother: crate::runtime::Runtime }\n\
         #[cfg(test)]\nconst fn f() {}\nuse crate::runtime::Runtime;\n",
    );
    workspace.expect(&[
        ("executor/src/task/mod.rs", 3, "runtime is on a layer above"),
        ("executor/src/task/mod.rs", 6, "runtime is on a layer above"),
    ]);
}

#[test]
fn an_import_of_a_neighbour_fails_unless_the_table_has_the_arrow() {
    let workspace = Workspace::new("sideways");
    workspace.write("executor/src/list.rs", "use crate::queue::Queue;\n");
    workspace.expect(&[("executor/src/list.rs", 1, "queue is on the same layer")]);
}

#[test]
fn an_import_from_the_root_of_the_crate_fails() {
    let workspace = Workspace::new("root");
    workspace.replace(
        "executor/src/lib.rs",
        "runtime::Runtime;",
        "runtime::{Handle, Runtime};\npub use task::Task as Job;",
    );
    workspace.write(
        "executor/src/list.rs",
        "use crate::Runtime;\nuse super::*;\nuse crate::{Job, Other};\n",
    );
    workspace.expect(&[
        (
            "executor/src/list.rs",
            1,
            "name the room that defines it, as `crate::runtime::Runtime`",
        ),
        ("executor/src/list.rs", 2, "takes everything from lib.rs"),
        ("executor/src/list.rs", 3, "`crate::task::Task`"),
        ("executor/src/list.rs", 3, "`crate::ROOM::Other`"),
    ]);
}

// --- Circles.

#[test]
fn a_circle_fails_though_the_table_has_its_arrows() {
    let workspace = Workspace::new("circle");
    workspace.replace(
        TABLE,
        "queue  list : queue -> list ",
        "queue  list : queue -> list, list -> queue ",
    );
    workspace.write("executor/src/list.rs", "use crate::queue::Queue;\n");
    workspace.expect(&[(TABLE, 8, "the arrows make a circle, queue -> list -> queue")]);
}

#[test]
fn a_circle_of_three_fails() {
    let workspace = Workspace::new("circle_of_three");
    workspace.replace(
        TABLE,
        "queue  list : queue -> list ",
        "queue  list  names : queue -> list, list -> names, names -> queue ",
    );
    workspace.write("executor/src/list.rs", "use crate::names::Names;\n");
    workspace.write("executor/src/names.rs", "use crate::queue::Queue;\n");
    workspace.expect(&[(TABLE, 8, "a circle, queue -> list -> names -> queue")]);
}

// --- Length.

#[test]
fn a_long_file_fails_and_its_tests_do_not_count() {
    let workspace = Workspace::new("long");
    let most = "const A: u8 = 0;\n".repeat(MOST_LINES);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{most}}}\n");
    workspace.write("executor/src/list.rs", &format!("{most}{tests}"));
    workspace.write("executor/src/task/tests.rs", &most.repeat(2));
    workspace.expect(&[]);
    workspace.write("executor/src/list.rs", &format!("{most}\n{tests}"));
    workspace.expect(&[("executor/src/list.rs", 0, "401 lines without its tests")]);
}

// --- The table.

#[test]
fn a_room_that_the_table_lacks_fails() {
    let workspace = Workspace::new("unknown_room");
    workspace.write("executor/src/blocking/pool.rs", "use crate::task::Task;\n");
    workspace.expect(&[(
        "executor/src/blocking/pool.rs",
        0,
        "does not have the room blocking",
    )]);
}

#[test]
fn a_room_that_is_gone_fails() {
    let workspace = Workspace::new("gone_room");
    workspace.replace(TABLE, "\ntask\n", "\ntask  blocking\n");
    workspace.expect(&[(TABLE, 9, "no room blocking")]);
}

#[test]
fn a_crate_that_is_gone_fails() {
    let workspace = Workspace::new("gone_crate");
    workspace.replace(TABLE, "\nreactor\n", "\nreactor  timer\n");
    workspace.replace(TABLE, "[reactor]", "[timer]\n[reactor]");
    workspace.expect(&[
        (TABLE, 4, "timer is no member of the workspace"),
        (TABLE, 11, "there is no folder timer/src"),
    ]);
}

#[test]
fn an_arrow_that_no_import_needs_fails() {
    let workspace = Workspace::new("stale_arrow");
    workspace.write("executor/src/queue.rs", "");
    workspace.expect(&[(
        TABLE,
        8,
        "no import needs the arrow `queue -> list` any more",
    )]);
}

#[test]
fn a_line_that_is_no_layer_fails() {
    for (line, part) in [
        (
            "queue  list : queue -> task",
            "`queue -> task` is no arrow of this layer",
        ),
        (
            "queue  list : queue list",
            "`queue list` is no arrow of this layer",
        ),
        ("queue  runtime", "runtime is in [executor] twice"),
        ("[reactor]\n[reactor]", "two sections [reactor]"),
    ] {
        let workspace = Workspace::new("no_layer");
        workspace.replace(
            TABLE,
            "queue  list : queue -> list   # one of them needs the other",
            line,
        );
        let faults = workspace.faults();
        assert!(
            faults
                .iter()
                .any(|fault| fault.file == TABLE && fault.message.contains(part)),
            "{line}: {faults:#?}"
        );
    }
}

#[test]
fn without_a_table_it_fails() {
    let workspace = Workspace::new("no_table");
    fs::remove_file(workspace.root.join(TABLE)).unwrap();
    let faults = workspace.faults();
    assert!(
        faults
            .iter()
            .any(|fault| fault.file == TABLE && fault.message.contains("cannot be read")),
        "{faults:#?}"
    );
}

// --- Crates.

#[test]
fn a_crate_that_depends_on_one_above_fails() {
    for dependency in [
        "\n[dependencies]\nwaterwheel-executor.workspace = true\n",
        "\n[dependencies]\nwaterwheel-executor = { path = \"../executor\" }\n",
        "\n[dependencies]\nother = { path = \"../executor\", package = \"waterwheel-executor\" }\n",
        "\n[build-dependencies]\nwaterwheel-executor.workspace = true\n",
        "\n[target.'cfg(unix)'.dependencies]\nwaterwheel-executor.workspace = true\n",
        "\n\n[dependencies.waterwheel-executor]\nworkspace = true\n",
    ] {
        let workspace = Workspace::new("crate_above");
        workspace.replace(
            "reactor/Cargo.toml",
            "\n[dev-dependencies]",
            &format!("{dependency}\n[dev-dependencies]"),
        );
        let faults = workspace.faults();
        assert_eq!(faults.len(), 1, "{dependency}: {faults:#?}");
        assert_eq!(faults[0].file, "reactor/Cargo.toml", "{dependency}");
        assert!(
            faults[0].line > 3 && faults[0].line < 8,
            "{dependency}: {}",
            faults[0].line
        );
        assert!(
            faults[0]
                .message
                .contains("waterwheel-reactor may not depend on waterwheel-executor"),
            "{dependency}"
        );
    }
}

#[test]
fn a_crate_that_the_table_lacks_fails() {
    let workspace = Workspace::new("unknown_crate");
    workspace.replace(
        "Cargo.toml",
        "\"reactor\"]",
        "\n    \"reactor\",\n    \"tools/layers\",\n    \"timer\",\n]",
    );
    workspace.write(
        "timer/Cargo.toml",
        "[package]\nname = \"waterwheel-timer\"\n",
    );
    workspace.expect(&[(
        "timer/Cargo.toml",
        0,
        "does not have this crate: add timer to the section [crates]",
    )]);
}

// --- The draft.

#[test]
fn the_draft_is_the_table_that_the_sources_need() {
    let workspace = Workspace::new("draft");
    assert_eq!(
        draft(&workspace.root),
        "[executor]\nruntime\nqueue\nlist\ntask\n\n[reactor]\nturn\n\n"
    );
}
