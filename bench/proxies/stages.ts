import { join } from "node:path";
import { ARRANGEMENTS, type Arrangement } from "./arrangement.js";
import type { Backend } from "./backend.js";
import { CIRCUMSTANCES } from "./circumstances.js";
import { type Credentials, makeCredentials } from "./credentials.js";
import type { Measurement } from "./measurement.js";
import { Denial } from "./denial.js";
import { EndlessApplication } from "./endless-application.js";
import { type Mesh, PLAIN, startMesh } from "./mesh.js";
import { floorPairRow, floorRow, peerRows, type Programs } from "./peers.js";
import type { Stage } from "./round.js";
import { directRow, type Row } from "./row.js";
import { MESH_PROTOCOL, startAccepting, startConnecting, startSecurePair } from "./secure-mesh.js";
import type { Settings } from "./settings.js";
import { TlsAcceptor } from "./tls-load.js";

/** What the stages of a comparison are made of. */
export interface StageSettings {
  readonly against: Settings["against"];
  readonly measurements: readonly Measurement[];
  readonly programs: Programs;
  readonly directory: string;
  readonly backend: Backend;
}

/** The stages of a comparison, and what runs for all of its rounds. */
export interface Stages {
  readonly stages: readonly Stage[];
  stop(): Promise<void>;
}

/** Prepares every stage in which something is to be measured. */
export async function prepareStages(settings: StageSettings): Promise<Stages> {
  const meshes: Mesh[] = [];
  const stop = async () => {
    await Promise.all(meshes.map((mesh) => mesh.stop()));
  };
  const stages: Stage[] = [];
  try {
    for (const arrangement of ARRANGEMENTS) {
      const measurements = settings.measurements.filter((one) => one.arrangement === arrangement);
      if (measurements.length === 0) continue;
      const make = settings.against === "itself" ? ownRows : ROWS[arrangement];
      const rows = await make(settings, (mesh) => {
        meshes.push(mesh);
        return mesh.row;
      });
      stages.push({ arrangement, rows, measurements });
    }
    return { stages, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Makes rows; `keep` is given each mesh that is to be stopped at the end, and gives its row. */
type MakeRows = (settings: StageSettings, keep: (mesh: Mesh) => Row) => Promise<readonly Row[]>;

const ownRows: MakeRows = async ({ directory, backend }, keep) => {
  const rows: Row[] = [];
  for (const circumstances of CIRCUMSTANCES) {
    rows.push(keep(await startMesh(circumstances, directory, backend)));
  }
  return rows;
};

/** The rows of each arrangement: the direct call, those of others, ours. */
const ROWS: Readonly<Record<Arrangement, MakeRows>> = {
  async plain({ programs, directory, backend }, keep) {
    const surroundings = { directory, upstream: backend };
    return [
      directRow(backend.port, backend.opaquePort),
      ...(programs.floor === undefined ? [] : [floorRow(programs.floor, surroundings)]),
      ...(await peerRows("plain", programs, surroundings)),
      keep(await startMesh(PLAIN, directory, backend)),
    ];
  },
  async http2({ programs, directory, backend }, keep) {
    const upstream = { ...backend, port: backend.http2Port };
    return [
      directRow(upstream.port),
      ...(await peerRows("http2", programs, { directory, upstream })),
      keep(await startMesh({ ...PLAIN, protocol: "http2" }, directory, upstream)),
    ];
  },
  async secure({ programs, directory, backend }, keep) {
    const credentials = await makeCredentials(join(directory, "secure"));
    const surroundings = { directory, upstream: backend, credentials: credentials.folder };
    return [
      directRow(backend.port),
      ...(programs.floor === undefined ? [] : [floorPairRow(programs.floor, surroundings)]),
      ...(await peerRows("secure", programs, surroundings)),
      keep(await startSecurePair(credentials, backend)),
    ];
  },
  async accepting({ programs, directory, backend }, keep) {
    const credentials = await makeCredentials(join(directory, "accepting"));
    const surroundings = { directory, upstream: backend, credentials: credentials.folder };
    const peers = await peerRows("accepting", programs, surroundings);
    return [
      ...peers.map((row) => takingTls(row, credentials)),
      keep(await startAccepting(credentials, backend)),
    ];
  },
  async connecting({ programs, directory }, keep) {
    const credentials = await makeCredentials(join(directory, "connecting"));
    const acceptor = await TlsAcceptor.start(credentials, [MESH_PROTOCOL, "http/1.1"]);
    const upstream = { port: acceptor.port, opaquePort: 0 };
    const surroundings = { directory, upstream, credentials: credentials.folder };
    const peers = await peerRows("connecting", programs, surroundings);
    const mesh = await startConnecting(credentials, acceptor);
    const stop = async () => {
      await mesh.stop();
      await acceptor.stop();
    };
    return [...peers.map((row) => connectingTo(row, acceptor)), keep({ ...mesh, stop })];
  },
  async permissions({ directory }, keep) {
    const credentials = await makeCredentials(join(directory, "permissions"));
    const application = await EndlessApplication.start();
    const mesh = await startSecurePair(credentials, { port: application.port, opaquePort: 0 });
    const stop = async () => {
      await mesh.stop();
      await application.stop();
    };
    return [keep({ row: denied(mesh.row, new Denial(credentials.home)), stop })];
  },
};

function takingTls(row: Row, credentials: Credentials): Row {
  const start = async () => {
    const running = await row.start();
    return { ...running, takesTls: { port: running.port, credentials } };
  };
  return { ...row, start };
}

function denied(row: Row, denial: Denial): Row {
  return { ...row, start: async () => ({ ...(await row.start()), denial }) };
}

function connectingTo(row: Row, acceptor: TlsAcceptor): Row {
  return { ...row, start: async () => ({ ...(await row.start()), connectsTo: acceptor }) };
}
