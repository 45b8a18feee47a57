// Every good with its price and how many there are (GET /): HTTP/1, made of two other services in other protocols.
import { serve } from "../serve.js";
import { GOODS } from "./goods.js";
import { priceOf } from "./prices-client.js";
import { askStock } from "./stock-client.js";

const describe = async (good: string) => {
  const [cents, count] = await Promise.all([priceOf(good), askStock(`COUNT ${good}`)]);
  return { good, cents, count: Number(count) };
};

serve((_request, response) => {
  Promise.all(GOODS.map(describe)).then(
    (goods) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(goods));
    },
    (error: unknown) => {
      response.statusCode = 502;
      response.end(`${String(error)}\n`);
    },
  );
});
