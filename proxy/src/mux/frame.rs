//! What goes over a connection of streams.

/// Stream, kind and length in front of every frame.
pub const HEADER: usize = 8;
/// The content of a frame is no longer.
pub const MAX_CONTENT: usize = 1 << 14;
/// What we send is no longer: with its header it fills a record of TLS.
pub const MAX_SENT: usize = MAX_CONTENT - HEADER;

/// What a frame means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Bytes of the stream. The first of them open it.
    Data = 0,
    /// The sender will send no more.
    Finish = 1,
    /// The sender has let go of the stream in order: it sends no more, and takes no more. A server that has taken a request says
    /// something before that.
    Close = 2,
    /// The sender has cut the stream: nobody is to mistake that for an end.
    Reset = 3,
    /// The length is how much more the receiver of this may send.
    Credit = 4,
    /// Of no stream: the sender's connection ends when its streams have. No more are to be opened.
    GoAway = 5,
    /// Of no stream: asks whether the receiver is there.
    Ping = 6,
    /// Of no stream: says so.
    Pong = 7,
}

/// The header of a frame: the stream in four bytes, the kind in one, the length in three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub stream: u32,
    pub kind: Kind,
    /// Of the content that follows; for credit the amount, and nothing follows.
    pub length: usize,
}

/// What was sent is no frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl Frame {
    /// One that has neither content nor an amount.
    pub fn of(stream: u32, kind: Kind) -> Self {
        Self { stream, kind, length: 0 }
    }

    pub fn bytes(self) -> [u8; HEADER] {
        let low = (self.kind as u64) << 24 | (self.length as u64 & 0xff_ffff);
        (u64::from(self.stream) << 32 | low).to_be_bytes()
    }

    /// The header at the start of `bytes`; none while it is not whole.
    ///
    /// # Errors
    /// It makes no sense.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
        let header = u64::from_be_bytes(*header);
        let kind = match (header >> 24) as u8 {
            0 => Kind::Data,
            1 => Kind::Finish,
            2 => Kind::Close,
            3 => Kind::Reset,
            4 => Kind::Credit,
            5 => Kind::GoAway,
            6 => Kind::Ping,
            7 => Kind::Pong,
            _ => return Err(Malformed),
        };
        let length = (header & 0xff_ffff) as usize;
        let longest = match kind {
            Kind::Data => MAX_CONTENT,
            Kind::Credit => usize::MAX,
            _ => 0,
        };
        if length > longest {
            return Err(Malformed);
        }
        Ok(Some(Self { stream: (header >> 32) as u32, kind, length }))
    }

    /// Whether it is of no use: nobody sends many of those but to keep the receiver busy.
    pub fn is_idle(self) -> bool {
        match self.kind {
            Kind::Data | Kind::Credit => self.length == 0,
            Kind::GoAway | Kind::Ping | Kind::Pong => true,
            Kind::Finish | Kind::Close | Kind::Reset => false,
        }
    }

    /// How many bytes follow the header.
    pub fn content(self) -> usize {
        if self.kind == Kind::Data { self.length } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let without = [Kind::Finish, Kind::Close, Kind::Reset, Kind::GoAway, Kind::Ping, Kind::Pong];
        let lengths = [(Kind::Data, 1), (Kind::Data, MAX_CONTENT), (Kind::Credit, 0xff_ffff)];
        for (kind, length) in without.map(|kind| (kind, 0)).into_iter().chain(lengths) {
            for stream in [0, 7, u32::MAX] {
                let frame = Frame { stream, kind, length };
                assert_eq!(Frame::read(&frame.bytes()), Ok(Some(frame)));
                assert_eq!(Frame::read(&frame.bytes()[..HEADER - 1]), Ok(None));
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert_eq!(Frame::read(b"GET / HTTP/1.1\r\n"), Err(Malformed));
        for (kind, length) in [(Kind::Data, MAX_CONTENT + 1), (Kind::Close, 1), (Kind::Ping, 1)] {
            let too_long = Frame { stream: 1, kind, length };
            assert_eq!(Frame::read(&too_long.bytes()), Err(Malformed), "{kind:?}");
        }
    }
}
