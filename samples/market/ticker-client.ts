import { randomBytes } from "node:crypto";
import { get } from "node:http";

/** Connects to the ticker, and tells how often it has spoken; `onEnd` is told why that is over. */
export function watchTicker(onPrice: () => void, onEnd: (reason: string) => void): void {
  const request = get("http://ticker/", {
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": randomBytes(16).toString("base64"),
    },
  });
  request.on("upgrade", (_response, socket) => {
    // A message is so short that it comes in one piece.
    socket.on("data", onPrice);
    socket.on("error", () => undefined).on("close", () => onEnd("the ticker has hung up"));
  });
  request.on("response", ({ statusCode = 0 }) => {
    request.destroy();
    onEnd(`the ticker answered ${statusCode}`);
  });
  request.on("error", ({ message }) => onEnd(message));
}
