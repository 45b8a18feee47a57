import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../../src/output/index.js";
import { Happenings, readEvent } from "./happenings.js";

const TRACEFS = "/sys/kernel/tracing";
/** A buffer of our own, beside that of anybody else who traces. */
const INSTANCE = join(TRACEFS, "instances", "mesh-bench");
/** Of the busiest rows, on a machine that has other work. */
const KILOBYTES_A_SECOND = 10 * 1024;

/** What is recorded, and by which condition. */
const eventsAt = (ports: readonly number[]): readonly (readonly [event: string, filter?: string])[] => [
  ["sched/sched_switch"],
  ["sched/sched_waking"],
  // Segments that carry something, where they arrive: not acknowledgements, and nobody else's.
  [
    "tcp/tcp_probe",
    `data_len > 0 && (${ports.map((port) => `sport == ${port} || dport == ${port}`).join(" || ")})`,
  ],
];

/**
 * Records what scheduler and TCP do on all cores, the latter at some ports, while something is done that takes no longer than so many seconds. The kernel keeps it in memory
 * meanwhile, so nobody has to be woken to write it down.
 * @throws Failure when the kernel does not let us, or the memory did not suffice
 */
export async function traceKernel<T>(
  seconds: number,
  ports: readonly number[],
  work: () => Promise<T>,
): Promise<{ result: T; happenings: Happenings }> {
  await prepare(seconds, ports).catch((error: unknown) => {
    throw new Failure(`the kernel cannot be traced: ${String(error)}`, {
      hint: `mount -t tracefs tracefs ${TRACEFS}, as root`,
    });
  });
  try {
    await set("tracing_on", "1");
    const result = await work();
    await set("tracing_on", "0");
    return { result, happenings: await read() };
  } finally {
    await rmdir(INSTANCE);
  }
}

async function prepare(seconds: number, ports: readonly number[]): Promise<void> {
  if (existsSync(INSTANCE)) await rmdir(INSTANCE);
  await mkdir(INSTANCE);
  await set("tracing_on", "0");
  await set("trace_clock", "mono");
  await set("buffer_size_kb", String(seconds * KILOBYTES_A_SECOND));
  for (const [event, filter] of eventsAt(ports)) {
    if (filter !== undefined) await set(`events/${event}/filter`, filter);
    await set(`events/${event}/enable`, "1");
  }
}

function set(file: string, value: string): Promise<void> {
  return writeFile(join(INSTANCE, file), value);
}

async function read(): Promise<Happenings> {
  const lost = await lostEvents();
  if (lost > 0) throw new Failure(`${lost} events of the kernel were lost`, { hint: "fewer --seconds" });
  const happenings = new Happenings();
  const file = await open(join(INSTANCE, "trace"));
  try {
    for await (const line of file.readLines({ autoClose: false })) {
      const event = readEvent(line);
      if (event !== null) happenings.add(event);
    }
  } finally {
    await file.close();
  }
  return happenings;
}

async function lostEvents(): Promise<number> {
  const cores = await readdir(join(INSTANCE, "per_cpu"));
  const stats = await Promise.all(
    cores.map((core) => readFile(join(INSTANCE, "per_cpu", core, "stats"), "utf8")),
  );
  const counts = stats.flatMap((text) => [...text.matchAll(/^(?:overrun|dropped events): (\d+)$/gm)]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
