/** What a machine becomes an image by. */
export const installFiles = ["packer/install.sh", "packer/clean.sh", "packer/steps", "packer/files"];
