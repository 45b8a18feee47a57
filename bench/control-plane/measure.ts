import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../ports.js";
import type { ApiServer } from "./api-server.js";
import { type BenchService, Content, newIp } from "./content.js";
import { ControlPlane } from "./control-plane.js";
import { Kubelet } from "./kubelet.js";
import { SimulatedProxies } from "./proxies.js";
import type { Settings } from "./settings.js";
import { measureStat, type StatFigures } from "./stat.js";
import { moveEndpoint, writeContent } from "./write.js";

/** What a control plane needs for a cluster of so many pods. */
export interface Figures {
  readonly pods: number;
  /** From its start until it has read all there is and listens. */
  readonly readMs: number;
  /** Of its process, when it has read all and no proxy is there. */
  readonly aloneRssBytes: number;
  /** From then until every proxy was told of all its targets. */
  readonly toldMs: number;
  readonly rssBytes: number;
  /** The share of a core that it takes while nothing happens. */
  readonly cpuAtRest: number;
  readonly stat: StatFigures;
  readonly changes: readonly ChangeTimes[];
}

/** The times from a change of a service's endpoints until the last of its followers was told, in milliseconds. */
export interface ChangeTimes {
  readonly followers: number;
  readonly milliseconds: readonly number[];
  /** CPU time of the control plane for one change. */
  readonly cpuMs: number;
}

/** What is being done at the moment. */
export type OnStep = (step: string) => void;

export async function measureControlPlane(
  server: ApiServer,
  folder: string,
  settings: Settings,
  onStep: OnStep,
): Promise<Figures> {
  const content = new Content(settings.pods);
  onStep(`writing ${settings.pods} pods`);
  const [adminPort, apiPort] = [await freePort(), await freePort()];
  const api = `127.0.0.1:${apiPort}`;
  const kubelet = await Kubelet.start(apiPort);
  const tokens = await writeContent(server.client, content, { admin: adminPort, kubelet: kubelet.port });
  onStep("starting the control plane");
  const began = performance.now();
  const { controlPlane, address } = await ControlPlane.startDiscovery(server.kubeconfig, api);
  const readMs = performance.now() - began;
  let proxies: SimulatedProxies | undefined;
  try {
    const aloneRssBytes = controlPlane.usage().rssBytes;
    onStep(`opening ${settings.pods} streams`);
    const opening = performance.now();
    proxies = new SimulatedProxies({ folder, address, adminPort, content, tokens });
    const targets = content.pods.reduce((sum, pod) => sum + content.authoritiesOf(pod).length, 0);
    await proxies.untilOpen(settings.pods, targets);
    const toldMs = performance.now() - opening;
    onStep("leaving it alone");
    const rest = await atRest(controlPlane, settings.seconds);
    onStep("running mesh stat");
    const stat = await measureStat(server.kubeconfig, api, content.services.length);
    const subject = { server, controlPlane, proxies, content, changes: settings.changes };
    onStep("changing ordinary services");
    const ordinary = await changing(subject, (change) => serviceOf(content, change), 0);
    onStep("changing the service that all follow");
    const shared = await changing(subject, () => content.shared, settings.changes);
    const changes = [ordinary, shared];
    return { pods: settings.pods, readMs, aloneRssBytes, toldMs, ...rest, stat, changes };
  } finally {
    await proxies?.stop();
    await controlPlane.stop();
    kubelet.stop();
  }
}

/** What follows a start settles first. */
const SETTLING_MS = 10_000;

async function atRest(controlPlane: ControlPlane, seconds: number) {
  await delay(SETTLING_MS);
  const before = controlPlane.usage();
  await delay(seconds * 1_000);
  const after = controlPlane.usage();
  return { rssBytes: after.rssBytes, cpuAtRest: (after.cpuUs - before.cpuUs) / (seconds * 1e6) };
}

interface Subject {
  readonly server: ApiServer;
  readonly controlPlane: ControlPlane;
  readonly proxies: SimulatedProxies;
  readonly content: Content;
  readonly changes: number;
}

/** Spread over all services. */
function serviceOf({ services, shared }: Content, change: number): BenchService {
  return services[(change * 37) % services.length] ?? shared;
}

/** Between two changes, so that each is told alone. */
const PAUSE_MS = 100;

async function changing(
  { server, controlPlane, proxies, content, changes }: Subject,
  serviceOfChange: (change: number) => BenchService,
  firstIp: number,
): Promise<ChangeTimes> {
  const milliseconds: number[] = [];
  const before = controlPlane.usage().cpuUs;
  let followers = 0;
  for (let change = 0; change < changes; change++) {
    const service = serviceOfChange(change);
    const ip = newIp(firstIp + change);
    followers = content.followersOf(service);
    const began = performance.timeOrigin + performance.now();
    await moveEndpoint(server.client, service, ip);
    milliseconds.push((await proxies.whenTold(ip, followers)) - began);
    await delay(PAUSE_MS);
  }
  const cpuMs = (controlPlane.usage().cpuUs - before) / 1_000 / changes;
  return { followers, milliseconds, cpuMs };
}
