// How every command prints: tables, colours, durations, bytes, JSON, failures.
export { formatBytes, parseBytes } from "./bytes.js";
export { type Colours, coloursFor } from "./colours.js";
export { formatDuration, parseDuration } from "./duration.js";
export { Failure, type ExitStatus, formatFailure } from "./failure.js";
export { LiveView } from "./live.js";
export { type PrintStream, Printer } from "./printer.js";
export { StatusLine, type StatusStream } from "./status-line.js";
export { type Column, formatMarkdownTable, formatTable } from "./table.js";
export { loadYaml } from "./yaml.js";
export { escapeControls, formatJson, formatJsonLine, nearest, someOf } from "./text.js";
