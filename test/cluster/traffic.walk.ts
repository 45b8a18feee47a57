// Applications of several kinds in the mesh, what becomes of their traffic, and that they outlive it. The cases are in traffic/, all
// with the same pods.
import { afterAll, beforeAll } from "vitest";
import { applyPrinted, rolledOut, uninstall, WITHOUT_DASHBOARDS } from "./administrator.js";
import { openShop } from "./traffic/shop.js";
import "./traffic/requests.cases.js";
import "./traffic/protocols.cases.js";
import "./traffic/places.cases.js";
import "./traffic/workloads.cases.js";
import "./traffic/pods.cases.js";
import "./traffic/probes.cases.js";
import "./traffic/faults.cases.js";
import "./traffic/afterwards.cases.js";

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  for (const name of ["mesh-control-plane", "mesh-webhook"]) await rolledOut("mesh-system", name);
  await openShop();
});
afterAll(() => uninstall("shop"));
