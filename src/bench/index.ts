// Measures what sidecars cost: load, latency histograms, scenarios, reports.
export { type ClusterBenchOptions, runBenchInCluster } from "./cluster/run-bench-in-cluster.js";
export { LatencyHistogram, type Percentiles } from "./histogram.js";
export { describeMachine, type Machine, thisMachine } from "./machine.js";
export { ProgressLine } from "./progress-line.js";
export { type Protocol, PROTOCOLS } from "./protocol.js";
export { renderMarkdown, renderTable } from "./render.js";
export { type BenchReport, type TargetReport } from "./report.js";
export { type BenchOptions, runBench } from "./run-bench.js";
export { BENCH_DEFAULTS, readBenchSettings } from "./settings.js";
export { demandSecured } from "./secured.js";
export { type Spread, spreadOf } from "./spread.js";
export { type Usage, usageOf } from "./usage.js";
export { verdictOn } from "./verdict.js";
