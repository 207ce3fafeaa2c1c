/**
 * What every guest boots from: a qcow2 that nobody writes to; a guest's own disk lies over it.
 * @throws {Error} if nobody has said which.
 */
export function bootImage(): string {
  const image = process.env["BUILDER_AGENT_VM_IMAGE"];
  if (image === undefined)
    throw new Error("BUILDER_AGENT_VM_IMAGE names no image: npm run test:vm bakes one, and tests it");
  return image;
}

/**
 * KVM only where somebody says that this machine's is whole. @throws {Error} for what is neither.
 */
export function accelerator(wish = process.env["BUILDER_AGENT_VM_ACCELERATOR"] ?? "tcg"): "tcg" | "kvm" {
  if (wish === "tcg" || wish === "kvm") return wish;
  throw new Error(`BUILDER_AGENT_VM_ACCELERATOR is ${JSON.stringify(wish)}: it can be "tcg" or "kvm"`);
}
