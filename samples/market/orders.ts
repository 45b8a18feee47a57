// Sells one of a good (POST /apples): HTTP/1.
import { serve } from "../serve.js";
import { askStock } from "./stock-client.js";

serve(({ method, url = "/" }, response) => {
  if (method !== "POST") {
    response.end("ok\n");
    return;
  }
  askStock(`TAKE ${url.slice(1)}`).then(
    (left) => {
      response.statusCode = left === "none" ? 409 : 201;
      response.end(left === "none" ? "sold out\n" : `sold, ${left} left\n`);
    },
    (error: unknown) => {
      response.statusCode = 502;
      response.end(`${String(error)}\n`);
    },
  );
});
