/** Where the root file system is that machines boot: `npm run image -- root` makes one. */
export const ROOT_VARIABLE = "BUILDER_AGENT_NSPAWN_ROOT";

/** @throws {Error} where nobody has made one. */
export function machineRoot(): string {
  const root = process.env[ROOT_VARIABLE];
  if (root === undefined) throw new Error(`${ROOT_VARIABLE} is not set`);
  return root;
}
