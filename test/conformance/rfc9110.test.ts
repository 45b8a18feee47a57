// HTTP semantics through the relay, by section of RFC 9110.
import "./rfc9110/7-routing.js";
import "./rfc9110/9-10-requests.js";
import "./rfc9110/15-responses.js";
