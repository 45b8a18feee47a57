// Measures what sidecars cost: load, latency histograms, scenarios, reports.
export { ProgressLine } from "./progress-line.js";
export { renderMarkdown, renderTable } from "./render.js";
export { type BenchReport, type TargetReport } from "./report.js";
export { type BenchOptions, type BenchProgress, runBench } from "./run-bench.js";
export { BENCH_DEFAULTS, readBenchSettings } from "./settings.js";
export { verdictOn } from "./verdict.js";
