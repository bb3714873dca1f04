//! [`Buffer`]: what has been received and not taken, and how much of it was searched.
//!
//! Pure data. Its memory is there from the first [`room`](Buffer::room) on, grows when what is in it must stay
//! together, and shrinks again when that has been taken.

/// How much a buffer holds, unless a longer line needs more.
const CAPACITY: usize = 8 << 10;

#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Where what has not been taken begins, and ends.
    start: usize,
    end: usize,
    /// How many bytes from `start` on do not have `delimiter`.
    searched: usize,
    delimiter: u8,
    pub(super) limit: usize,
}

/// What a search has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// So many bytes, with the delimiter.
    Line(usize),
    /// More must be received to tell.
    Nothing,
    /// More than the limit, and no delimiter.
    TooLong,
}

impl Buffer {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            end: 0,
            searched: 0,
            delimiter: b'\n',
            limit,
        }
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Takes the front, of so many bytes. They stay where they are until the next change.
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let start = self.start;
        assert!(
            count <= self.end - start,
            "{count} bytes of a buffer were consumed, which has {}",
            self.end - start
        );
        self.start += count;
        self.searched = self.searched.saturating_sub(count);
        &self.bytes[start..self.start]
    }

    /// Looks for the first `delimiter`, beyond what was searched for it before.
    pub(super) fn find(&mut self, delimiter: u8) -> Found {
        if delimiter != self.delimiter {
            (self.delimiter, self.searched) = (delimiter, 0);
        }
        let data = &self.bytes[self.start..self.end];
        let found = data[self.searched..].iter().position(|&b| b == delimiter);
        let length = match found {
            Some(place) => self.searched + place,
            None => data.len(),
        };
        self.searched = length;
        match found {
            _ if length > self.limit => Found::TooLong,
            Some(_) => Found::Line(length + 1),
            None => Found::Nothing,
        }
    }

    /// Where more goes: behind what is there. It is never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() != CAPACITY {
                self.bytes = vec![0; CAPACITY];
            }
        } else if self.end == self.bytes.len() {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            // At least half of it is free after this, so that moving costs no more than receiving.
            if self.end > self.bytes.len() / 2 {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes have come to the front of [`room`](Self::room).
    pub(super) fn received(&mut self, count: usize) {
        self.end += count;
        debug_assert!(self.end <= self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(buffer: &mut Buffer, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = buffer.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            buffer.received(count);
            bytes = &bytes[count..];
        }
    }

    #[test]
    fn lines_are_found_however_they_are_cut() {
        let text = b"one\ntwo\n\nfour";
        for cut in 0..text.len() {
            let mut buffer = Buffer::new(100);
            let mut lines = Vec::new();
            for part in [&text[..cut], &text[cut..]] {
                receive(&mut buffer, part);
                while let Found::Line(length) = buffer.find(b'\n') {
                    lines.push(buffer.take(length).to_vec());
                }
            }
            assert_eq!(lines, [&b"one\n"[..], b"two\n", b"\n"], "cut at {cut}");
            assert_eq!(buffer.data(), b"four");
        }
    }

    #[test]
    fn a_line_of_the_limit_is_found_and_a_longer_one_is_not() {
        for (length, found) in [
            (9, Found::Line(10)),
            (10, Found::Line(11)),
            (11, Found::TooLong),
            (20, Found::TooLong),
        ] {
            let mut buffer = Buffer::new(10);
            let mut line = vec![b'x'; length];
            line.push(b'\n');
            receive(&mut buffer, &line);
            assert_eq!(buffer.find(b'\n'), found, "{length} bytes");
            assert_eq!(buffer.find(b'\n'), found, "asked again");
            assert_eq!(buffer.data(), line);
        }
    }

    #[test]
    fn another_delimiter_is_searched_for_from_the_start() {
        let mut buffer = Buffer::new(100);
        receive(&mut buffer, b"a;b");
        assert_eq!(buffer.find(b'\n'), Found::Nothing);
        assert_eq!(buffer.find(b';'), Found::Line(2));
        assert_eq!(buffer.take(2), b"a;");
        assert_eq!(buffer.find(b';'), Found::Nothing);
    }

    #[test]
    fn memory_grows_with_a_line_and_comes_back() {
        let mut buffer = Buffer::new(1 << 20);
        assert_eq!(buffer.bytes.capacity(), 0);
        receive(&mut buffer, &vec![b'x'; 100_000]);
        assert!((100_000..400_000).contains(&buffer.bytes.len()));
        receive(&mut buffer, b"\nmore");
        assert_eq!(buffer.find(b'\n'), Found::Line(100_001));
        buffer.take(100_001);
        assert_eq!(buffer.data(), b"more");
        buffer.take(4);
        assert_eq!(buffer.room().len(), CAPACITY);
        assert_eq!(buffer.bytes.capacity(), CAPACITY);
    }
}
