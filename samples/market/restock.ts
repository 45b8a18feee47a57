// A delivery of every good: a program that ends.
import { GOODS } from "./goods.js";
import { askStock } from "./stock-client.js";

for (const good of GOODS) console.log(`${good}: ${await askStock(`ADD ${good}`)}`);
