//! The line reader against a model of the whole input, on scripts that are made short when they fail.

#[path = "../../tests/cases/mod.rs"]
mod cases;
#[path = "oracles/lines.rs"]
mod lines;

use lines::{Op, Piece, Script};
use proptest::prelude::*;

/// Bytes of which many end a line, or are no text.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        3 => Just(b'\n'),
        3 => Just(b'\r'),
        6 => prop::sample::select(b"abc;".to_vec()),
        1 => any::<u8>(),
    ]
}

fn piece() -> impl Strategy<Value = Piece> {
    let text = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\u{df}",
        "\u{20ac}\n",
        "\u{1f30a}",
        "x\r",
        "\r\r\n",
    ]);
    prop_oneof![
        4 => prop::collection::vec(byte(), 0..12).prop_map(Piece::Bytes),
        2 => text.prop_map(|text| Piece::Bytes(text.into())),
        1 => (byte(), 0..20_000_u16).prop_map(|(byte, count)| Piece::Run(byte, count)),
        1 => (0..4_u16).prop_map(|off| Piece::Run(b'x', 8_190 + off)), // about the buffer's capacity
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::ReadLine),
        2 => byte().prop_map(Op::ReadUntil),
        2 => (0..5_u8).prop_map(Op::Lines),
        2 => any::<u16>().prop_map(Op::FillAndConsume),
        2 => Just(Op::PollLine),
        1 => byte().prop_map(Op::PollUntil),
        3 => Just(Op::Arrive),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let limit = prop_oneof![3 => 0..16_u16, 1 => 8_180..8_200_u16, 1 => any::<u16>()];
    let pieces = prop::collection::vec(piece(), 0..16);
    (limit, pieces, prop::collection::vec(op(), 0..24)).prop_map(|(limit, pieces, ops)| Script {
        limit,
        pieces,
        ops,
    })
}

proptest! {
    #![proptest_config(cases::config(600))]

    #[test]
    fn lines_are_those_of_the_whole_input_however_it_comes(script in script()) {
        lines::compare(&script);
    }
}
