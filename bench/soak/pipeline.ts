import { open, readHead } from "./connection.js";
import type { ByteReader } from "./byte-reader.js";
import type { Content } from "./content.js";
import type { Way } from "./exchange.js";
import { Answered, type Ended, outcomeOf, reasonOf, type Stage } from "./outcome.js";
import { downKey, ENDPOINT_HEADER, type Exchange, type Task, TASK_HEADER, upKey } from "./task.js";
import { receive, Wrong, write } from "./transfer.js";
import type { Watch } from "./watch.js";

/** Sends all requests of a pipeline without waiting, and reads the answers in their order. */
export async function runPipeline(
  { exchanges, segments }: Extract<Task, { kind: "pipeline" }>,
  { host, port, authority }: Way,
  content: Content,
  watch: Watch,
  onEnded: (exchange: Exchange, ended: Ended) => void,
): Promise<void> {
  const startedAt = performance.now();
  const { socket, reader } = await open(host, port, watch);
  try {
    const requests = Buffer.concat(exchanges.flatMap((exchange) => bytesOf(exchange, authority, content)));
    const sending = sendInSegments(requests, segments, (bytes) => write(socket, bytes), watch);
    sending.catch(() => undefined);
    let isOver = false;
    for (const exchange of exchanges) {
      const ended: Pick<Ended, "outcome" | "endpoint"> = isOver
        ? { outcome: { kind: "skipped" }, endpoint: undefined }
        : await readAnswer(exchange, reader, content, watch);
      isOver ||= ended.outcome.kind === "failed" || ended.outcome.kind === "wrong";
      onEnded(exchange, { ...ended, startedAt, endedAt: performance.now() });
    }
  } finally {
    socket.destroy();
  }
}

/** The requests' first bytes go in segments of these lengths, the rest at once. */
async function sendInSegments(
  requests: Buffer,
  segments: readonly number[],
  send: (bytes: Buffer) => Promise<void>,
  watch: Watch,
): Promise<void> {
  let sent = 0;
  for (const length of [...segments, requests.length]) {
    if (sent >= requests.length) return;
    const segment = requests.subarray(sent, sent + length);
    await send(segment);
    watch.sent(segment.length);
    sent += segment.length;
    await watch.pause(1);
  }
}

function bytesOf(exchange: Exchange, authority: string, content: Content): Buffer[] {
  const { id, method, request } = exchange;
  const head = [
    `${method} /${id} HTTP/1.1`,
    `Host: ${authority}`,
    `${TASK_HEADER}: ${JSON.stringify(exchange)}`,
    ...(request === null ? [] : [`Content-Length: ${request.bytes}`]),
  ];
  const bytes = request?.bytes ?? 0;
  return [Buffer.from(`${head.join("\r\n")}\r\n\r\n`), content.piece(upKey(id), 0, bytes)];
}

async function readAnswer(
  exchange: Exchange,
  reader: ByteReader,
  content: Content,
  watch: Watch,
): Promise<Pick<Ended, "outcome" | "endpoint">> {
  let stage: Stage = "before the head";
  let endpoint: string | undefined;
  try {
    const head = await readHead(reader);
    endpoint = head.field(ENDPOINT_HEADER);
    const reason = reasonOf(head.status, head.field("mesh-proxy-error"));
    if (reason !== undefined) throw new Answered(reason);
    if (head.status !== 200) throw new Wrong(`the answer was ${head.status}`);
    const length = head.field("content-length");
    if (length !== String(exchange.response.bytes)) throw new Wrong(`the answer's length was ${length}`);
    stage = "in a body of known length";
    const steps = {
      moved: (bytes: number) => watch.received(bytes),
      pause: (milliseconds: number) => watch.pause(milliseconds),
    };
    await receive(reader, content, downKey(exchange.id), exchange.response.bytes, null, steps);
    return { outcome: { kind: "complete" }, endpoint };
  } catch (error) {
    return { outcome: outcomeOf(error, stage, exchange), endpoint };
  }
}
