import { Failure } from "../output/index.js";

/** Where the control plane listens for commands when nobody says otherwise. */
export const DEFAULT_API_ADDRESS = "127.0.0.1:8085";

/**
 * The address of the control plane's API.
 * @param flag the value of --api, which wins over MESH_API
 * @throws Failure with status 2 when it is not host:port
 */
export function apiAddress(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const value = flag ?? env["MESH_API"];
  if (value === undefined || value === "") return DEFAULT_API_ADDRESS;
  const match = /^(?:\[[0-9A-Fa-f:.%]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(value);
  if (match === null || Number(match[1]) < 1 || Number(match[1]) > 65535) {
    const name = flag === undefined ? "MESH_API" : "--api";
    throw new Failure(`${name}: '${value}' is not an address`, {
      hint: `host:port, as in ${DEFAULT_API_ADDRESS}`,
      exitStatus: 2,
    });
  }
  return value;
}
