import { basename } from "node:path";
import { runSteps } from "../../setup/step.mjs";
import { architectures } from "../deb/architecture.mjs";
import { deb as debOf } from "../deb/deb.mjs";
import { deliver } from "./deliver.mjs";
import { optionsOf, wrongUsage } from "./options.mjs";

/** @param {readonly string[]} args */
export async function deb(args) {
  const { arch } = optionsOf(args, { arch: { type: "string", default: "amd64" } });
  if (arch !== "amd64" && arch !== "arm64") throw wrongUsage(`there is no architecture ${JSON.stringify(arch)}`);
  const { steps, file } = debOf(architectures[arch]);
  await runSteps(steps);
  return [deliver(file(), basename(file()))];
}
