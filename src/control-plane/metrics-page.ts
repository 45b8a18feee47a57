import { readdirSync, readFileSync } from "node:fs";

/** What the control plane counts of itself. */
export interface Counted {
  readonly version: string;
  readonly startedAt: Date;
  /** Proxies with an open discovery stream. */
  readonly connectedProxies: number;
  /** Mistakes in what the control plane reads, and sources that do not answer. */
  readonly problems: number;
}

/** The control plane's metrics in Prometheus's text format, in base units. */
export function metricsPage({ version, startedAt, connectedProxies, problems }: Counted): string {
  const { user, system } = process.cpuUsage();
  return [
    metric("mesh_build_info", "gauge", "Always 1; the label tells the version.", 1, `{version="${version}"}`),
    metric(
      "mesh_control_plane_connected_proxies",
      "gauge",
      "Proxies that this replica keeps up to date.",
      connectedProxies,
    ),
    metric(
      "mesh_control_plane_problems",
      "gauge",
      "Mistakes in what is read, and sources that do not answer.",
      problems,
    ),
    metric("process_cpu_seconds_total", "counter", "CPU time, user and system.", (user + system) / 1e6),
    metric(
      "process_resident_memory_bytes",
      "gauge",
      "Memory that is really there.",
      process.memoryUsage.rss(),
    ),
    metric(
      "process_start_time_seconds",
      "gauge",
      "When the process began, in Unix time.",
      startedAt.getTime() / 1000,
    ),
    ...descriptors(),
  ].join("");
}

const metric = (name: string, type: "counter" | "gauge", help: string, value: number, labels = "") =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}${labels} ${value}\n`;

/** Nothing where there is no /proc. */
function descriptors(): string[] {
  try {
    const open = readdirSync("/proc/self/fd").length;
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return [
      metric("process_open_fds", "gauge", "Open file descriptors.", open),
      ...(limit === undefined
        ? []
        : [metric("process_max_fds", "gauge", "How many there may be.", Number(limit))]),
    ];
  } catch {
    return [];
  }
}
