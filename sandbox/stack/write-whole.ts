import { rename, writeFile } from "node:fs/promises";

/** Whoever waits for the file to appear finds it complete. */
export async function writeWhole(path: string, content: string): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  await writeFile(part, content);
  await rename(part, path);
}
