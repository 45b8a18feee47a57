import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

/** Gauges of the library whose names end like those of counters, which promtool does not take. */
const MISNAMED = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

/** What the control plane counts of itself, for Prometheus. */
export class OwnMetrics {
  readonly #registry = new Registry();
  readonly #certificateEnds = new Gauge({
    name: "mesh_certificate_expiry_timestamp_seconds",
    help: "When a certificate of the mesh ends.",
    labelNames: ["certificate"],
    registers: [this.#registry],
  });
  readonly #reviews = new Counter({
    name: "mesh_webhook_reviews_total",
    help: "Reviews that the API server asked for, by how they ended.",
    labelNames: ["review", "outcome"],
    registers: [this.#registry],
  });
  readonly #reviewSeconds = new Histogram({
    name: "mesh_webhook_review_duration_seconds",
    help: "How long the answer to a review took to make.",
    labelNames: ["review"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [this.#registry],
  });

  readonly #refusedProxies = new Counter({
    name: "mesh_control_plane_refused_proxies_total",
    help: "Streams of proxies that were refused, by why.",
    labelNames: ["reason"],
    registers: [this.#registry],
  });

  /** @param version that of mesh */
  constructor(version: string) {
    new Gauge({
      name: "mesh_build_info",
      help: "Always 1; the version of what runs.",
      labelNames: ["version"],
      registers: [this.#registry],
    }).set({ version }, 1);
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  /** Counts the proxies that are connected, those of them that have no certificate, and the problems of the catalog, when it is asked. */
  countMesh(connectedProxies: () => number, plainTextProxies: () => number, problems: () => number): void {
    this.#gauge(
      "mesh_control_plane_connected_proxies",
      "Proxies that this replica keeps up to date.",
      connectedProxies,
    );
    this.#gauge(
      "mesh_control_plane_plain_text_proxies",
      "Proxies that this replica keeps up to date by plain text, for they were given no roots to trust.",
      plainTextProxies,
    );
    this.#gauge(
      "mesh_control_plane_problems",
      "What the control plane cannot take of its source, and goes on without.",
      problems,
    );
  }

  /** @param certificate which: `webhook`, `trust-root` */
  certified(certificate: string, ends: Date): void {
    this.#certificateEnds.set({ certificate }, ends.getTime() / 1000);
  }

  refusedProxy(reason: string): void {
    this.#refusedProxies.inc({ reason });
  }

  reviewed(review: string, outcome: string, seconds: number): void {
    this.#reviews.inc({ review, outcome });
    this.#reviewSeconds.observe({ review }, seconds);
  }

  /** The page that Prometheus reads, and its content type. */
  async page(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value());
      },
    });
  }
}
