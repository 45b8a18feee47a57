// What an installation can be told: one schema, its defaults, and where values come from.
export { parseQuantity } from "./quantity.js";
export { publishedSchema } from "./published-schema.js";
export { type GivenValues, readValues, showValues, type ValueSources } from "./values.js";
export type { ResourceValues, Values } from "./values-schema.js";
