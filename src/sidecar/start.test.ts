import { describe, expect, it } from "vitest";
import { startSidecar } from "./index.js";

/** Nothing listens there; a proxy starts without a control plane. */
const NOWHERE = "127.0.0.1:1";

describe("a sidecar", () => {
  it("tells where it listens, and stops", async () => {
    const sidecar = await startSidecar({
      name: "hello-1",
      controlPlane: NOWHERE,
      outbound: "0",
      inbound: ["0=9000", "0=9001"],
      admin: "0",
      tap: "0",
    });
    const { outbound, inbound, admin, tap } = sidecar.addresses;
    const all = [outbound, ...inbound, admin, tap];
    expect(new Set(all).size).toBe(5);
    for (const address of all) expect(address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    const live = await fetch(`http://${admin}/live`);
    expect(live.status).toBe(200);
    expect(await sidecar.stop()).toEqual({ status: 0, signal: null });
  });

  it("that cannot listen says why", async () => {
    const settings = { name: "a", controlPlane: NOWHERE, outbound: "off", admin: "0", tap: "0" };
    const first = await startSidecar(settings);
    const second = startSidecar({ ...settings, name: "b", admin: first.addresses.admin });
    await expect(second).rejects.toThrow(`the sidecar b ended with status 1: error: `);
    await first.stop();
  });
});
