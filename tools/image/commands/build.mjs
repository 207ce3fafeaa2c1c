import { statSync } from "node:fs";
import { join } from "node:path";
import { say } from "../../setup/progress.mjs";
import { agentVersion } from "../agent-version.mjs";
import { bake } from "../bake/bake.mjs";
import { renewBase } from "../base/base-tar.mjs";
import { deliver } from "./deliver.mjs";
import { optionsOf } from "./options.mjs";

const MB = 1_000_000;

/** @param {readonly string[]} args */
export async function build(args) {
  const { kvm } = optionsOf(args, { kvm: { type: "boolean" } });
  await renewBase();
  const folder = await bake(kvm ? "kvm" : "tcg");
  say(`the image has ${Math.round(statSync(join(folder, "image.qcow2")).size / MB)} MB`);
  return ["qcow2", "cdx.json", "manifest.json"].map((kind) =>
    deliver(join(folder, `image.${kind}`), `builder-agent-${agentVersion()}-amd64.${kind}`),
  );
}
