// What an event tells of the connection as a whole.
#pragma once

#include "dataplane/worker/event.h"
#include "dataplane/worker/flow.h"

namespace postern::worker {

// Of an inspected connection, so far; message_ms is the caller's to fill in.
SessionFacts session_facts(const Flow& flow);

// Whether a connection that was inspected, and had no message that an event told of, is worth an
// event of its own when it is over: it went on under TLS, failed to log in, had all its recipients
// rejected, or talked before it was greeted.
bool noteworthy(const Flow& flow);

}  // namespace postern::worker
