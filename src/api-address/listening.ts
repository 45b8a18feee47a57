import { connect } from "node:net";

/** Whether anybody accepts connections at host:port, asked for at most `withinMs` milliseconds. */
export function isListening(address: string, withinMs: number): Promise<boolean> {
  const [, host = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: withinMs });
    const tell = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", tell(true)).on("error", tell(false)).on("timeout", tell(false));
  });
}
