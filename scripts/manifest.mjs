// Writes oclif.manifest.json, from which the CLI knows its commands without loading them.
import { Plugin } from "@oclif/core";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./steps.mjs";

const plugin = new Plugin({ root, type: "core", ignoreManifest: true, errorOnManifestCreate: true });
await plugin.load();
writeFileSync(join(root, "oclif.manifest.json"), JSON.stringify(plugin.manifest, null, 2) + "\n");
