// Asks hello a few times a second, and says what it answered when that is something else than before.

const PAUSE_MS = 200;
const PATIENCE_MS = 5_000;

let said = "";

async function ask(): Promise<string> {
  const answer = await fetch("http://hello/", { signal: AbortSignal.timeout(PATIENCE_MS) });
  return `${answer.status} ${(await answer.text()).trim()}`;
}

setInterval(() => {
  void ask()
    .catch(String)
    .then((answer) => {
      if (answer !== said) console.log(answer);
      said = answer;
    });
}, PAUSE_MS);
process.on("SIGTERM", () => process.exit(0));
