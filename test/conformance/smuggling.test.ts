// Messages that are made to be read in two ways.
import "./smuggling/requests.js";
import "./smuggling/responses.js";
