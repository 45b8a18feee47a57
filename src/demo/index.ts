// The first look at the mesh: all of it on one machine, at work, explained.
export { type DemoOptions, runDemo } from "./run-demo.js";
