// The first look at the mesh: all of it on one machine, at work, explained.
export { followStarter, isInOwnNetwork, runInOwnNetwork } from "./own-network.js";
export { type DemoOptions, runDemo } from "./run-demo.js";
