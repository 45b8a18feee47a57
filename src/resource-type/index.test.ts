import { describe, expect, test } from "vitest";
import { Failure } from "../output/index.js";
import { parseResource } from "./index.js";

test.each([
  [["deploy"], { type: "deployment" }],
  [["deployments"], { type: "deployment" }],
  [["Deployment/web"], { type: "deployment", name: "web" }],
  [["sts", "db"], { type: "statefulset", name: "db" }],
  [["wl/hello"], { type: "workload", name: "hello" }],
  [["svc"], { type: "service" }],
  [["po/hello-1"], { type: "pod", name: "hello-1" }],
  [["ns"], { type: "namespace" }],
  [["cj"], { type: "cronjob" }],
  [["all"], { type: "all" }],
])("%j is understood", (words, resource) => {
  expect(parseResource(words)).toEqual(resource);
});

describe("what cannot be understood is refused with what it could have been", () => {
  test.each([
    [["deploymnet/web"], "'deploymnet' is not a type of resource", "deployment/web"],
    [["hello"], "'hello' is not a type of resource", "workload/hello"],
    [["deploy/a", "b"], "names more than one resource", "deployment/NAME"],
    [["deploy/a/b"], "names more than one resource", "deployment/NAME"],
    [["deploy", "a", "b"], "names more than one resource", "deployment/NAME"],
    [["deploy/"], "no name after the slash", "deployment/NAME"],
    [["all/web"], "'all' cannot have a name", "workload/web"],
    [[], "type of the resource is missing", "TYPE/NAME"],
  ])("%j", (words, message, hint) => {
    const failure = failureOf(() => parseResource(words));
    expect(failure.message).toContain(message);
    expect(failure.hint).toContain(hint);
    expect(failure.exitStatus).toBe(2);
  });

  test("a type that the command cannot answer for", () => {
    const failure = failureOf(() => parseResource(["svc/web"], ["pod", "workload"]));
    expect(failure.hint).toContain("pod, workload");
  });
});

function failureOf(action: () => unknown): Failure {
  try {
    action();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
