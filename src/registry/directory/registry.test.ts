import { rename, rm, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RegisteredDirectory, service, soon, workload } from "../../../test/registered-directory.js";
import { startDirectoryRegistry } from "./index.js";

let directory: RegisteredDirectory;

beforeEach(async () => {
  directory = await RegisteredDirectory.create();
});
afterEach(() => directory.stop());

/** Long enough for a change to have been taken, were it one. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 400));

describe("disco files", () => {
  test("comments, blank lines, IPv6 and host names are read", async () => {
    await directory.write(
      "disco/web",
      "# the web\n127.0.0.1 9000 # first\n\n\t::1   9001\r\nlocalhost 9002\n",
    );
    await directory.start();
    expect(directory.follow("web")()).toEqual(["127.0.0.1:9000", "127.0.0.1:9002", "[::1]:9001"]);
    expect(directory.problems()).toEqual([]);
  });

  test.each([
    ["127.0.0.1 70000", 'found port "70000"; expected a number from 1 to 65535'],
    ["127.0.0.1 0", 'found port "0"; expected a number from 1 to 65535'],
    ["127.0.0.1 80a", 'found port "80a"; expected a number from 1 to 65535'],
    ["127.0.0.1", 'found "127.0.0.1"; expected "host port"'],
    ["127.0.0.999 80", 'found host "127.0.0.999"; expected an IP address or a host name'],
    ["%$§ 80", 'found host "%$§"; expected an IP address or a host name'],
    ["127.0.0.1 80 * 2", 'found a weight "* 2"; expected "host port": weights are not supported'],
    ["127.0.0.1 80 81", 'found "81" after the port; expected "host port"'],
  ])("a line %j is named, and the file as it was stays in force", async (line, message) => {
    await directory.write("disco/web", "127.0.0.1 9000\n127.0.0.1 9001\n");
    await directory.write("disco/other", "127.0.0.1 9100\n");
    await directory.start();
    const web = directory.follow("web");
    const other = directory.follow("other");
    await directory.write("disco/web", `127.0.0.1 9005\n${line}\n`);
    await soon(() => expect(directory.problems()).toEqual([`disco/web:2: ${message}`]));
    expect(web()).toEqual(["127.0.0.1:9000", "127.0.0.1:9001"]);
    await directory.write("disco/other", "127.0.0.1 9101\n");
    await soon(() => expect(other()).toEqual(["127.0.0.1:9101"]));
    await directory.write("disco/web", "127.0.0.1 9005\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9005"]));
    expect(directory.problems()).toEqual([]);
  });

  test("of a file that is wrong from the start, the lines that are right are in force", async () => {
    await directory.write("disco/web", "127.0.0.1 9000\ngarbage\n");
    await directory.start();
    expect(directory.follow("web")()).toEqual(["127.0.0.1:9000"]);
    expect(directory.problems()).toEqual(['disco/web:2: found "garbage"; expected "host port"']);
  });

  test("a host that cannot be resolved is left out and named, the other lines are in force", async () => {
    await directory.write("disco/web", "127.0.0.1 9000\n");
    await directory.start();
    const web = directory.follow("web");
    await directory.write("disco/web", "127.0.0.1 9001\nno-such-host.invalid 9002\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001"]));
    await soon(() =>
      expect(directory.problems().join()).toContain('disco/web:2: found host "no-such-host.invalid"'),
    );
    await directory.write("disco/web", "127.0.0.1 9001\nlocalhost 9002\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001", "127.0.0.1:9002"]));
    expect(directory.problems()).toEqual([]);
    expect(directory.gone).toEqual(["127.0.0.1:9000"]);
  });

  test("a name by another one takes over without a gap", async () => {
    await directory.write("disco/web", "127.0.0.1 9000\n");
    await directory.start();
    const web = directory.follow("web");
    await directory.write("disco/web", "localhost 9000\n");
    await aWhile();
    expect(web()).toEqual(["127.0.0.1:9000"]);
    expect(directory.gone).toEqual([]);
  });

  test("an empty file is a service without endpoints; a deleted one is none", async () => {
    await directory.write("disco/web", "127.0.0.1 9000\n");
    await directory.start();
    const web = directory.follow("web");
    await directory.write("disco/web", "");
    await soon(() => expect(web()).toEqual([]));
    await unlink(join(directory.root, "disco/web"));
    await soon(() => expect(web()).toBeUndefined());
    await directory.write("disco/web", "127.0.0.1 9000\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9000"]));
  });
});

describe("changes on disk", () => {
  test("a file that is written piece by piece is never taken in the middle", async () => {
    const before = "127.0.0.1 9000\n127.0.0.2 9000\n";
    await directory.write("disco/web", before);
    await directory.start();
    const web = directory.follow("web");
    // On a busy machine the pieces may be so far apart that each was the file for a while.
    for (let isAtOnce = false; !isAtOnce;) {
      await directory.write("disco/web", before);
      await soon(() => expect(web()).toHaveLength(2));
      const gone = directory.gone.length;
      const start = performance.now();
      await directory.write("disco/web", "");
      await directory.write("disco/web", "127.0.0.1 90");
      await directory.write("disco/web", `${before}127.0.0.3 9000\n`);
      isAtOnce = performance.now() - start < 40;
      await soon(() => expect(web()).toHaveLength(3));
      if (isAtOnce) expect(directory.gone.slice(gone)).toEqual([]);
    }
  });

  test("an editor's way to save (write beside, rename into place, keep a backup) is one change", async () => {
    await directory.write("disco/web", "127.0.0.1 9000\n");
    await directory.start();
    const web = directory.follow("web");
    for (const junk of ["disco/.web.swp", "disco/#web#", "disco/4913", "disco/web.tmp"])
      await directory.write(junk, "junk\n");
    await unlink(join(directory.root, "disco/4913"));
    await rename(join(directory.root, "disco/web"), join(directory.root, "disco/web~"));
    await directory.write("disco/web", "127.0.0.1 9000\n127.0.0.1 9001\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9000", "127.0.0.1:9001"]));
    await aWhile();
    expect(directory.gone).toEqual([]);
    expect(directory.problems()).toEqual([]);
    expect(directory.catalog.resources({ type: "service", namespace: "", name: "" })).toHaveLength(1);
  });

  test("a file that is renamed keeps what it defines", async () => {
    await directory.write("a.yaml", `${service("web")}---\n${workload("web-1", "127.0.0.1")}`);
    await directory.start();
    const found: string[] = [];
    directory.catalog.problems.on("found", ({ message }) => found.push(message));
    const web = directory.follow("web");
    await rename(join(directory.root, "a.yaml"), join(directory.root, "b.yaml"));
    await aWhile();
    expect(web()).toEqual(["127.0.0.1:9000"]);
    expect(directory.gone).toEqual([]);
    expect(found).toEqual([]);
  });

  test("a swap of a link to a directory, as of a mounted ConfigMap, is one change", async () => {
    const version = async (name: string, text: string) => {
      await directory.write(`disco/..${name}/web`, text);
      await symlink(`..${name}`, join(directory.root, "disco/..next"));
      await rename(join(directory.root, "disco/..next"), join(directory.root, "disco/..data"));
    };
    await version("1", "127.0.0.1 9000\n");
    await symlink("..data/web", join(directory.root, "disco/web"));
    await directory.start();
    const web = directory.follow("web");
    expect(web()).toEqual(["127.0.0.1:9000"]);
    await version("2", "127.0.0.1 9001\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001"]));
    expect(directory.gone).toEqual(["127.0.0.1:9000"]);
  });

  test("directories that appear later, go and come back are followed", async () => {
    await rm(join(directory.root, "disco"), { recursive: true });
    await directory.start();
    const web = directory.follow("web");
    await directory.write("disco/web", "127.0.0.1 9000\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9000"]));
    await rm(join(directory.root, "disco"), { recursive: true });
    await soon(() => expect(web()).toBeUndefined());
    await directory.write("disco/web", "127.0.0.1 9001\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001"]));
  });

  test("while the whole directory is gone everything stays in force, and it is followed when it is back", async () => {
    await directory.write("disco/web", "127.0.0.1 9000\n");
    await directory.start();
    const web = directory.follow("web");
    await rename(directory.root, `${directory.root}-away`);
    await soon(() =>
      expect(directory.catalog.problems.list()).toMatchObject([{ source: directory.root, line: 0 }]),
    );
    expect(web()).toEqual(["127.0.0.1:9000"]);
    await directory.write("disco/web", "127.0.0.1 9001\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001"]));
    await directory.write("disco/web", "127.0.0.1 9002\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9002"]));
    expect(directory.problems()).toEqual([]);
  });

  test("links that lead in circles end", async () => {
    await directory.write("disco/web", "127.0.0.1 9000\n");
    await symlink("..", join(directory.root, "disco/up"));
    await symlink(directory.root, join(directory.root, "self"));
    await directory.start();
    expect(directory.follow("web")()).toEqual(["127.0.0.1:9000"]);
  });
});

test("a directory that is missing, or is none, is a failure", async () => {
  expect(await startDirectoryRegistry(join(directory.root, "nowhere"), directory.catalog)).toMatchObject({
    error: { message: `--directory ${directory.root}/nowhere: no such directory` },
  });
  await directory.write("file", "");
  expect(await startDirectoryRegistry(join(directory.root, "file"), directory.catalog)).toMatchObject({
    error: { message: `--directory ${directory.root}/file: not a directory` },
  });
});
