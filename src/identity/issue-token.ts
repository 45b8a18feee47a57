import { Failure, parseDuration } from "../output/index.js";
import { parseWorkload } from "../resource-type/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { hasAuthority, readTokenKey } from "./authority-directory.js";
import { isSpiffeSegment } from "./names.js";
import { createToken } from "./token.js";

/** A token that is wanted, as text that a person gave. */
export interface TokenWishes {
  /** Where the control plane's certificate authority is. */
  readonly directory: string;
  /** NAME or KIND/NAME; short kinds are taken. */
  readonly workload: string;
  readonly namespace: string;
  /** For how long it is valid: `24h`. */
  readonly ttl: string;
}

/** Makes a token for the proxies of one workload. */
export async function issueToken({
  directory,
  workload,
  namespace,
  ttl,
}: TokenWishes): Promise<Result<string, Failure>> {
  const meant = parseWorkload(workload);
  if (meant === undefined || !isSpiffeSegment(meant.name))
    return fail(wrong(`--workload ${workload}`, "NAME or KIND/NAME: web, deploy/web"));
  if (!isSpiffeSegment(namespace))
    return fail(wrong(`--namespace ${namespace}`, "letters, digits, dots, hyphens"));
  const seconds = parseDuration(ttl);
  if (seconds === undefined || seconds < 1)
    return fail(wrong(`--ttl ${ttl}`, "a second or more: 30m, 24h, 720h"));
  if (!(await hasAuthority(directory))) {
    return fail(
      new Failure(`${directory} has no certificate authority`, {
        hint: `mesh ca create --directory ${directory}`,
      }),
    );
  }
  const key = await readTokenKey(directory);
  if (!key.ok) return fail(new Failure(key.error, { hint: "the user that the control plane runs as" }));
  return ok(createToken(key.value, { namespace, workload: meant }, Math.floor(seconds)));
}

const wrong = (what: string, expected: string) =>
  new Failure(`${what} cannot be taken`, { hint: expected, exitStatus: 2 });
