//! The blocks of a stream of server-sent events (WHATWG HTML, section 9.2).

use feed_protocol::{Cursor, Position, cloudevents};
use http::HeaderValue;

use super::Rendered;
use super::rendered::Parts;
use crate::feeds::LiveFeed;
use crate::store::Slice;

/// One block for each event, `id:` its cursor and `data:` the CloudEvent. When the slice covers
/// more than its last event, a block that carries only an id advances the reader. A slice without
/// events has no blocks: the next heartbeat advances the reader.
pub(super) fn render_blocks(live: &LiveFeed, slice: &Slice) -> Rendered {
    let mut bytes = Vec::new();
    let mut passed = slice.range.before();
    let mut json = Vec::new();
    for entry in &slice.entries {
        passed = entry.recorded.position;
        push_id(live, passed, &mut bytes);
        json.clear();
        cloudevents::write_recorded(&entry.recorded, &mut json);
        push_data(&json, &mut bytes);
        bytes.push(b'\n');
    }
    if !slice.entries.is_empty() && passed < slice.range.last() {
        bytes.extend(id_block(live, slice.range.last()));
    }
    Rendered::new(Parts {
        incarnation: live.feed.incarnation.clone(),
        range: slice.range,
        modified: None,
        immutable: false,
        content_type: HeaderValue::from_static("text/event-stream"),
        link: String::new(),
        bytes,
        shown: slice.entries.len(),
        room: None,
    })
}

/// A block that carries only an id.
pub(crate) fn id_block(live: &LiveFeed, position: Position) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_id(live, position, &mut bytes);
    bytes.push(b'\n');
    bytes
}

fn push_id(live: &LiveFeed, position: Position, bytes: &mut Vec<u8>) {
    let cursor = Cursor { incarnation: live.feed.incarnation.clone(), position };
    bytes.extend_from_slice(format!("id: {cursor}\n").as_bytes());
}

/// The lines of a text; a reader joins them with line feeds. The text holds no carriage return,
/// which would end a line too: the JSON format writes such data as Base64.
fn push_data(text: &[u8], bytes: &mut Vec<u8>) {
    for line in text.split(|byte| *byte == b'\n') {
        bytes.extend_from_slice(b"data: ");
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
}
