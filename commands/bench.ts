import { Command, Flags } from "@oclif/core";
import {
  BENCH_DEFAULTS,
  type BenchReport,
  ProgressLine,
  PROTOCOLS,
  readBenchSettings,
  renderMarkdown,
  renderTable,
  runBench,
  runBenchInCluster,
  verdictOn,
} from "../src/bench/index.js";
import { CLUSTER_FLAGS, clusterSelection } from "../src/cli/index.js";
import { isAsked } from "../src/kubernetes/index.js";
import { formatJson, Printer } from "../src/output/index.js";
import { takeSignals } from "../src/process/index.js";

/** `mesh bench` */
export default class Bench extends Command {
  static override summary = "Measure what sidecars cost, against direct calls.";
  static override description =
    "Compares a direct call with one sidecar and with two, in rounds that take turns: throughput at saturation, then latency " +
    "at a fixed rate. It starts all that it needs on free loopback ports, and stops it. With --url and --proxy it loads your own " +
    "service instead, directly and through that proxy, and nothing else. With -n, or another flag that names a cluster, it measures " +
    "in the pods of that, where sidecars are not seen. Ends with 1 when a request failed or a limit was exceeded.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --rounds 5 --duration 10s --max-added-p99 1ms --max-rss 10MB -o markdown",
    "<%= config.bin %> <%= command.id %> --protocol grpc --tls",
    "<%= config.bin %> <%= command.id %> --url http://world/ --proxy http://127.0.0.1:4140",
    "<%= config.bin %> <%= command.id %> -n shop",
  ];
  static override flags = {
    namespace: Flags.string({
      char: "n",
      helpValue: "NAME",
      description: "Measure in a cluster, with pods in this namespace (default: the context's).",
    }),
    ...CLUSTER_FLAGS,
    url: Flags.string({
      helpValue: "URL",
      exclusive: ["namespace", ...Object.keys(CLUSTER_FLAGS)],
      description: "A service of your own, http://HOST:PORT/PATH.",
    }),
    proxy: Flags.string({
      helpValue: "URL",
      description: "The proxy that is to reach it, http://HOST:PORT, used as clients use http_proxy.",
    }),
    "proxy-pid": Flags.string({
      helpValue: "PID",
      multiple: true,
      multipleNonGreedy: true,
      description: "A process of that proxy, to measure its CPU and memory. Repeatable.",
    }),
    protocol: Flags.string({
      helpValue: PROTOCOLS.join("|"),
      description: `What is sent: HTTP/1.1, HTTP/2, gRPC's unary calls, or bytes by TCP (default: ${BENCH_DEFAULTS.protocol}).`,
    }),
    tls: Flags.boolean({
      description:
        "Have the two sidecars speak mTLS to each other, with certificates of an authority made for it. In a cluster they do anyway.",
    }),
    rate: Flags.string({
      helpValue: "N",
      description: `Requests a second while latency is measured (default: ${BENCH_DEFAULTS.rate}).`,
    }),
    connections: Flags.string({
      helpValue: "N",
      description: `Connections that are kept open (default: ${BENCH_DEFAULTS.connections}).`,
    }),
    duration: Flags.string({
      helpValue: "TIME",
      description: `Time of each measurement (default: ${BENCH_DEFAULTS.duration}).`,
    }),
    rounds: Flags.string({
      helpValue: "N",
      description: `How often each is measured (default: ${BENCH_DEFAULTS.rounds}).`,
    }),
    "max-added-p99": Flags.string({
      helpValue: "TIME",
      description: "How much a row may add to the direct call's 99th percentile: 1ms.",
    }),
    "max-rss": Flags.string({
      helpValue: "BYTES",
      description: "How much memory any of the proxies may have: 10MB.",
    }),
    output: Flags.option({
      char: "o",
      options: ["table", "json", "markdown"] as const,
      default: "table",
      description: "table, json (all rounds), or markdown (to paste into a pull request).",
    })(),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Bench);
    const plan = readBenchSettings(flags);
    if (!plan.ok) throw plan.error;
    const { options, limits } = plan.value;
    const selection = clusterSelection(flags);

    const progress = new ProgressLine(process.stderr);
    const interrupt = new AbortController();
    const release = takeSignals(() => interrupt.abort());
    const measures = progress.show.bind(progress);
    const result =
      flags.namespace !== undefined || isAsked(selection)
        ? await runBenchInCluster(
            { settings: options, selection, namespace: flags.namespace, version: this.config.version },
            { measures, waits: progress.showWait.bind(progress) },
            interrupt.signal,
          )
        : await runBench(options, measures, interrupt.signal);
    release();
    progress.clear();
    if (!result.ok) throw result.error;

    new Printer().print(this.rendered(result.value, flags.output));
    const failure = verdictOn(result.value, limits);
    if (failure !== undefined) throw failure;
  }

  private rendered(report: BenchReport, output: "table" | "json" | "markdown"): string {
    switch (output) {
      case "table":
        return renderTable(report);
      case "json":
        return formatJson(report);
      case "markdown":
        return renderMarkdown(report, ["mesh", "bench", ...this.argv].join(" "));
    }
  }
}
