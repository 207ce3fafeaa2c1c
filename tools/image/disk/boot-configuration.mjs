/**
 * What GRUB reads from the root file system. Debian keeps /vmlinuz and /initrd.img pointing at the
 * newest kernel, so nothing has to be generated when that changes, and GRUB itself need not be in
 * the image.
 * @param {string} rootUuid
 */
export const bootConfiguration = (rootUuid) => `serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=0
set fallback=1

menuentry "Builder" {
  linux /vmlinuz ${kernelArguments(rootUuid)}
  initrd /initrd.img
}
menuentry "Builder, the kernel before" {
  linux /vmlinuz.old ${kernelArguments(rootUuid)}
  initrd /initrd.img.old
}
`;

/** @param {string} rootUuid */
const kernelArguments = (rootUuid) => `root=UUID=${rootUuid} ro console=tty0 console=ttyS0,115200 panic=30`;

/** What is built into GRUB: how it finds that file. @param {string} rootUuid */
export const bootSearch = (rootUuid) => `search --no-floppy --fs-uuid --set=root ${rootUuid}
set prefix=($root)/boot/grub
configfile /boot/grub/grub.cfg
`;

/** @param {string} rootUuid */
export const fstab = (rootUuid) => `UUID=${rootUuid} / ext4 noatime,errors=remount-ro 0 1\n`;
