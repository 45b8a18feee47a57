import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type ApiServer,
  startApiServer,
  statusAnswer,
  type Watch,
} from "../../test/kubernetes/api-server.js";
import { Cluster, follow, type Followed, type KubernetesObject, type ResourceType } from "./index.js";

const PODS: ResourceType = { group: "", version: "v1", plural: "pods", namespaced: true };
const DEADLINE = { timeout: 60_000, interval: 20 };

let server: ApiServer;
let cluster: Cluster;
let followed: Followed | undefined;
/** What the list has, by name, with the resource version of each; and what is told of it. */
let objects: Record<string, number>;
let listVersion: number;
let watches: { watch: Watch; since: string | null }[];
let told: Map<string, string>;
let failures: string[];

beforeAll(async () => {
  server = await startApiServer(() => undefined);
});
beforeEach(async () => {
  const opened = await Cluster.open({ kubeconfig: server.kubeconfig }, { HOME: "/nonexistent" });
  if (!opened.ok) throw opened.error;
  cluster = opened.value;
  objects = { a: 1, b: 2 };
  listVersion = 10;
  watches = [];
  told = new Map();
  failures = [];
  server.answering = answer;
});
afterEach(() => {
  followed?.stop();
  cluster.close();
});
afterAll(() => server.stop());

function answer({ path, query }: { path: string; query: URLSearchParams }) {
  expect(path).toBe("/api/v1/pods");
  if (query.get("watch") === "true") {
    return { watch: (watch: Watch) => void watches.push({ watch, since: query.get("resourceVersion") }) };
  }
  const items = Object.entries(objects).map(([name, version]) => pod(name, version));
  return { body: { metadata: { resourceVersion: String(listVersion) }, items } };
}

function pod(name: string, version: number): KubernetesObject {
  return { metadata: { name, namespace: "shop", resourceVersion: String(version) } };
}

function start(): Followed {
  followed = follow(cluster, PODS, {
    put: (key, { metadata }) => told.set(key, metadata.resourceVersion ?? ""),
    remove: (key) => told.delete(key),
    failed: ({ kind }) => failures.push(kind),
    recovered: () => failures.push("recovered"),
  });
  return followed;
}

/** The newest watch, once there are so many. */
async function watchNumber(count: number) {
  await vi.waitFor(() => expect(watches).toHaveLength(count), DEADLINE);
  const newest = watches.at(-1);
  if (!newest) throw new Error("no watch");
  return newest;
}

const becomes = (expected: Record<string, string>) =>
  vi.waitFor(() => expect(Object.fromEntries(told)).toEqual(expected), DEADLINE);

test("tells what there is, then what changes", async () => {
  await start().complete;
  await becomes({ "shop/a": "1", "shop/b": "2" });
  const { watch, since } = await watchNumber(1);
  expect(since).toBe("10");
  watch.send({ type: "ADDED", object: pod("c", 11) });
  watch.send({ type: "MODIFIED", object: pod("a", 12) });
  watch.send({ type: "DELETED", object: pod("b", 13) });
  await becomes({ "shop/a": "12", "shop/c": "11" });
});

test("goes on from the last version, of a bookmark too, when an answer ends or breaks", async () => {
  start();
  const first = await watchNumber(1);
  first.watch.send({ type: "ADDED", object: pod("c", 11) });
  await becomes({ "shop/a": "1", "shop/b": "2", "shop/c": "11" });
  first.watch.end();
  const second = await watchNumber(2);
  expect(second.since).toBe("11");
  second.watch.send({ type: "BOOKMARK", object: { metadata: { resourceVersion: "50" } } });
  second.watch.send({ type: "DELETED", object: pod("c", 51) });
  await becomes({ "shop/a": "1", "shop/b": "2" });
  second.watch.reset();
  expect((await watchNumber(3)).since).toBe("51");
});

test.each([
  ["as an event", { type: "ERROR", object: { kind: "Status", code: 410, message: "too old" } }],
  ["instead of an answer", undefined],
])("lists again when its version is gone, told %s, and loses nothing in between", async (_, event) => {
  start();
  const { watch } = await watchNumber(1);
  objects = { b: 2, d: 60 };
  listVersion = 60;
  const removed = vi.spyOn(told, "delete");
  if (event) watch.send(event);
  else {
    server.answering = (question) =>
      question.query.get("watch") === "true" && question.query.get("resourceVersion") === "10"
        ? statusAnswer(410, "Expired", "too old")
        : answer(question);
    watch.end();
  }
  await becomes({ "shop/b": "2", "shop/d": "60" });
  expect(removed.mock.calls).toEqual([["shop/a"]]);
  expect((await watchNumber(2)).since).toBe("60");
  expect(failures).toEqual([]);
});

test("reads a list in pages, and from its beginning again when the server no longer knows how to go on", async () => {
  let expires = true;
  const pages: (string | null)[] = [];
  server.answering = (question) => {
    const { query } = question;
    if (query.get("watch") === "true") return answer(question);
    const next = query.get("continue");
    pages.push(next);
    if (next === null) {
      return { body: { metadata: { resourceVersion: "10", continue: "more" }, items: [pod("a", 1)] } };
    }
    if (expires) {
      expires = false;
      return statusAnswer(410, "Expired", "the provided continue parameter is too old");
    }
    return { body: { metadata: { resourceVersion: "20" }, items: [pod("b", 2)] } };
  };
  const removed = vi.spyOn(told, "delete");
  await start().complete;
  await becomes({ "shop/a": "1", "shop/b": "2" });
  expect(pages).toEqual([null, "more", null, "more"]);
  expect((await watchNumber(1)).since).toBe("20");
  expect([removed.mock.calls, failures]).toEqual([[], []]);
});

describe("a server that stalls", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("in a watch, without bookmarks too, is asked again from the last version", async () => {
    start();
    await watchNumber(1);
    await vi.advanceTimersByTimeAsync(160_000);
    expect((await watchNumber(2)).since).toBe("10");
    expect(failures).toEqual([]);
  });

  test("in a list is a failure that names it, and is over when it answers", async () => {
    let stalled = 0;
    server.answering = () => ({ watch: () => stalled++ });
    const following = start();
    await vi.waitFor(() => expect(stalled).toBe(1), DEADLINE);
    await vi.advanceTimersByTimeAsync(31_000);
    await vi.waitFor(() => expect(failures).toEqual(["unreachable"]), DEADLINE);
    server.answering = answer;
    await following.complete;
    await becomes({ "shop/a": "1", "shop/b": "2" });
    await vi.waitFor(() => expect(failures).toEqual(["unreachable", "recovered"]), DEADLINE);
  });
});

test("says once that the server refuses, keeps what it knows, and says when that is over", async () => {
  start();
  const { watch } = await watchNumber(1);
  server.answering = () => statusAnswer(403, "Forbidden", "no");
  watch.end();
  await vi.waitFor(() => expect(failures).toEqual(["forbidden"]), DEADLINE);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(Object.fromEntries(told)).toEqual({ "shop/a": "1", "shop/b": "2" });
  server.answering = answer;
  const next = await watchNumber(2);
  next.watch.send({ type: "ADDED", object: pod("c", 11) });
  await becomes({ "shop/a": "1", "shop/b": "2", "shop/c": "11" });
  expect(failures).toEqual(["forbidden", "recovered"]);
});

test("a line that is no event is a failure, not the end", async () => {
  start();
  const { watch } = await watchNumber(1);
  watch.send("<html>");
  await vi.waitFor(() => expect(failures).toEqual(["refused"]), DEADLINE);
  expect((await watchNumber(2)).since).toBe("10");
});

test("tells nothing after it was stopped", async () => {
  const following = start();
  const { watch } = await watchNumber(1);
  await becomes({ "shop/a": "1", "shop/b": "2" });
  following.stop();
  watch.send({ type: "DELETED", object: pod("a", 11) });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(told.size).toBe(2);
});
