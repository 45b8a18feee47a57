import { serve } from "../serve.js";

// The service that is called by another one.
serve((_request, response) => {
  response.end("world");
});
