import type { JsonObject } from "../manifest/index.js";
import type { Values } from "./values/index.js";

/** What is rendered: with which values, by which version of mesh. */
export interface Installation {
  readonly version: string;
  readonly values: Values;
  /** The values that the user gave; an upgrade starts from them. */
  readonly given: JsonObject;
}
