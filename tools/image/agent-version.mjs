import { inTree, readIfThere } from "../setup/tree.mjs";

export const agentVersion = () => /"version": "([^"]+)"/.exec(readIfThere(inTree("package.json")))?.[1] ?? "0.0.0";
