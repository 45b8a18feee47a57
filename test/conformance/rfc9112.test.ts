// HTTP/1.1 through the relay, by section of RFC 9112.
import "./rfc9112/2-message.js";
import "./rfc9112/3-request-line.js";
import "./rfc9112/4-status-line.js";
import "./rfc9112/5-fields.js";
import "./rfc9112/6-message-body.js";
import "./rfc9112/7-transfer-codings.js";
import "./rfc9112/9-connections.js";
