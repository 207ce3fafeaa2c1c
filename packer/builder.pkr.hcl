# A builder's image: Debian 12, our package, and nothing else that runs. Every source gets the same three things: the package, this folder, and
# install.sh run as root.

variable "deb" {
  type        = string
  description = "The package: npm run image -- deb [--arch arm64] says where it is. Its architecture must be the source's."
}

variable "version" {
  type        = string
  default     = "0-unversioned"
  description = "Of the image, in its name: letters, digits and dashes."
}

variable "output_folder" {
  type        = string
  default     = "dist/image"
  description = "Where the bill of materials, the manifest and a qcow2 come; the qemu source wants a folder of it that does not exist yet."
}

variable "base_image" {
  type        = string
  default     = ""
  description = "qemu: a bootable qcow2 of Debian 12 with cloud-init and all that the package depends on."
}

variable "base_image_checksum" {
  type        = string
  default     = "none"
  description = "qemu: of base_image, as Packer writes one (sha256:…). The clouds' images are named by their owner's account and family."
}

variable "seed" {
  type        = string
  default     = ""
  description = "qemu: an ISO from which cloud-init lets ssh_private_key_file in as root."
}

variable "ssh_private_key_file" {
  type        = string
  default     = ""
  description = "qemu: the key of this one bake."
}

variable "accelerator" {
  type        = string
  default     = "tcg"
  description = "qemu: kvm where the machine has it."
}

variable "region" {
  type        = string
  default     = "eu-central-1"
  description = "amazon-ebs: where it is baked, and where the AMI is."
}

variable "project_id" {
  type        = string
  default     = ""
  description = "googlecompute: the project that it is baked in, and that the image belongs to."
}

variable "zone" {
  type        = string
  default     = "europe-west3-a"
  description = "googlecompute: where it is baked."
}

locals {
  image_name = "builder-agent-${var.version}"
}

source "qemu" "image" {
  iso_url          = var.base_image
  iso_checksum     = var.base_image_checksum
  disk_image       = true
  use_backing_file = true
  format           = "qcow2"
  disk_size        = "4096M" # as the base; it grows with the disk that a machine is given
  disk_compression = true
  qemu_img_args {
    create  = ["-F", "qcow2"]
    convert = ["-o", "compression_type=zstd"]
  }
  output_directory = "${var.output_folder}/qemu"
  vm_name          = "image.qcow2"

  accelerator = var.accelerator
  headless    = true
  cpus        = 2
  memory      = 2048
  # The guest reaches nothing, and nothing but Packer reaches it.
  qemuargs = [
    ["-cpu", "max"],
    ["-device", "virtio-rng-pci"],
    ["-device", "virtio-net-pci,netdev=user.0,romfile="],
    ["-netdev", "user,id=user.0,restrict=on,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22"],
    ["-drive", "file=${var.output_folder}/qemu/image.qcow2,if=virtio,format=qcow2,cache=unsafe,discard=unmap,detect-zeroes=unmap"],
    ["-drive", "file=${var.seed},if=virtio,format=raw,readonly=on"],
  ]
  boot_wait = "1s"

  ssh_username         = "root"
  ssh_private_key_file = var.ssh_private_key_file
  ssh_timeout          = "10m"
  shutdown_command     = "systemctl poweroff"
  shutdown_timeout     = "5m"
}

source "amazon-ebs" "image" {
  region       = var.region
  ena_support  = true
  ssh_username = "admin"
  # No key of the bake's is a way into the machines of the image.
  ssh_clear_authorized_keys = true
  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_size           = 8
    volume_type           = "gp3"
    iops                  = 3000
    throughput            = 125
    delete_on_termination = true
  }
  tags = {
    Version = var.version
  }
}

source "googlecompute" "image" {
  project_id          = var.project_id
  zone                = var.zone
  source_image_family = "debian-12"
  machine_type        = "e2-small"
  disk_size           = 10
  image_name          = "${local.image_name}-amd64"
  image_family        = "builder-agent-amd64"
  ssh_username        = "packer"
}

build {
  sources = ["qemu.image", "googlecompute.image"]
  source "amazon-ebs.image" {
    name          = "amd64"
    ami_name      = "${local.image_name}-amd64"
    instance_type = "t3.small"
    source_ami_filter {
      owners      = ["136693071363"] # Debian's own account
      most_recent = true
      filters     = { name = "debian-12-amd64-*", virtualization-type = "hvm", root-device-type = "ebs" }
    }
  }
  source "amazon-ebs.image" {
    name          = "arm64"
    ami_name      = "${local.image_name}-arm64"
    instance_type = "t4g.small"
    source_ami_filter {
      owners      = ["136693071363"]
      most_recent = true
      filters     = { name = "debian-12-arm64-*", virtualization-type = "hvm", root-device-type = "ebs" }
    }
  }

  provisioner "shell" {
    inline = ["mkdir -m 0700 /tmp/bake"]
  }
  provisioner "file" {
    source      = "${path.root}/"
    destination = "/tmp/bake"
  }
  provisioner "file" {
    source      = var.deb
    destination = "/tmp/bake/builder-agent.deb"
  }
  provisioner "shell" {
    # Root where the source's user is root already.
    inline = ["cd /tmp/bake && $(command -v sudo) sh install.sh --image builder-agent.deb"]
  }
  provisioner "file" {
    direction   = "download"
    source      = "/usr/share/builder-agent/image.cdx.json"
    destination = "${var.output_folder}/${source.type}-${source.name}.cdx.json"
  }
  provisioner "file" {
    direction   = "download"
    source      = "/usr/share/builder-agent/image.json"
    destination = "${var.output_folder}/${source.type}-${source.name}.manifest.json"
  }
  # The last: it takes away whoever baked, and this folder.
  provisioner "shell" {
    inline = ["$(command -v sudo) sh /tmp/bake/clean.sh"]
    # Packer's own clean-up would find its script gone.
    skip_clean = true
  }
}
