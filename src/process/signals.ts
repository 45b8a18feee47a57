const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Calls `receive` for each signal that asks this process to end, instead of ending. Returns what undoes it. */
export function takeSignals(receive: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of SIGNALS) process.on(signal, receive);
  return () => {
    for (const signal of SIGNALS) process.off(signal, receive);
  };
}
