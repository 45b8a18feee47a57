// Child processes that do not outlive us, and the signals that ask us to end.
export { takeSignals } from "./signals.js";
export { type Ending, type Program, SupervisedProcess } from "./supervised-process.js";
