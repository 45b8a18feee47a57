import { createPrivateKey, type X509Certificate } from "node:crypto";
import { parseCertificates } from "../certificates/index.js";
import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { type AuthorityFiles, issuerOf, newRoot } from "./authority-files.js";

/**
 * How far a change of the root has come: `settled` when there is one root; `trusting` while the next root is trusted beside it and does not sign yet;
 * `signing` when it signs, and the former root is trusted still.
 */
export type RotationStage = "settled" | "trusting" | "signing";

/** Where a change of the root stands, as the files tell. */
export function rotationStage(files: AuthorityFiles): Result<RotationStage> {
  const roots = parseCertificates(files["ca.crt"]);
  if (!roots.ok) return fail(`ca.crt ${roots.error}`);
  if (files["next.key"] !== undefined) return ok("trusting");
  return ok(roots.value.length > 1 ? "signing" : "settled");
}

/** The files of the stage that comes next. Each can be taken alone, whatever was cut off before: what the stage is follows from them. */
export async function nextRotationStage(
  files: AuthorityFiles,
  trustDomain: string,
): Promise<Result<AuthorityFiles, Failure>> {
  const stage = rotationStage(files);
  if (!stage.ok) return fail(new Failure(stage.error, { hint: "the files as they were" }));
  switch (stage.value) {
    case "settled":
      return trustNext(files, trustDomain);
    case "trusting":
      return signByNext(files, trustDomain);
    case "signing":
      return ok(dropFormer(files));
  }
}

async function trustNext(
  files: AuthorityFiles,
  trustDomain: string,
): Promise<Result<AuthorityFiles, Failure>> {
  if (files["ca.key"] === undefined && !isRootItself(files)) {
    return fail(
      new Failure("the key of the root, ca.key, is not there: the root may be one that you brought", {
        hint: "ca.key put back; of a root that you brought, the same steps by hand (docs/identity.md)",
      }),
    );
  }
  const next = await newRoot(trustDomain);
  return ok({ ...files, "ca.crt": files["ca.crt"] + next.certificate, "next.key": next.key });
}

/** A root that signs for workloads itself has no other key than theirs. */
const isRootItself = (files: AuthorityFiles): boolean =>
  rootsIn(files["ca.crt"])[0]?.raw.equals(rootsIn(files["tls.crt"])[0]?.raw ?? new Uint8Array()) === true;

async function signByNext(
  files: AuthorityFiles,
  trustDomain: string,
): Promise<Result<AuthorityFiles, Failure>> {
  const { "next.key": key = "", ...rest } = files;
  const roots = rootsIn(files["ca.crt"]);
  const next = roots.find((root) => root.checkPrivateKey(createPrivateKey(key)));
  if (next === undefined)
    return fail(new Failure("next.key is the key of no root in ca.crt", { hint: "the files as they were" }));
  const certificate = pemOf([next]);
  const issuer = await issuerOf({ certificate, key, authorities: certificate }, trustDomain);
  return ok({
    ...rest,
    "ca.crt": pemOf([next, ...roots.filter((root) => root !== next)]),
    "ca.key": key,
    "tls.crt": issuer.certificate,
    "tls.key": issuer.key,
  });
}

const dropFormer = (files: AuthorityFiles): AuthorityFiles => ({
  ...files,
  "ca.crt": pemOf(rootsIn(files["ca.crt"]).slice(0, 1)),
});

const rootsIn = (text: string): readonly X509Certificate[] => {
  const certificates = parseCertificates(text);
  return certificates.ok ? certificates.value : [];
};

const pemOf = (certificates: readonly X509Certificate[]): string =>
  certificates.map((certificate) => certificate.toString()).join("");
