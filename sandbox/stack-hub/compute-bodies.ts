import { z } from 'zod';
import { anyCase, reference, resource, tags } from '../server/schema.ts';

/** Bodies of Microsoft.Compute 2020-06-01, as far as the sandbox emulates them. */
const image = z.strictObject({
  publisher: z.string(),
  offer: z.string(),
  sku: z.string(),
  version: z.string(),
  exactVersion: z.string().optional(),
});

const managedDisk = z.strictObject({
  id: z.string().optional(),
  storageAccountType: anyCase(['Standard_LRS', 'Premium_LRS']).optional(),
});

const storageProfile = z.strictObject({
  imageReference: image,
  osDisk: z.strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9]([\w.-]{0,78}\w)?$/, 'The disk name is invalid')
      .optional(),
    osType: anyCase(['Linux']).optional(),
    caching: anyCase(['None', 'ReadOnly', 'ReadWrite']).optional(),
    createOption: anyCase(['FromImage']),
    diskSizeGB: z.int().min(1).max(1023).optional(),
    managedDisk: managedDisk.optional(),
  }),
  dataDisks: z.array(z.unknown()).max(0, 'Data disks are not emulated').optional(),
});

const linuxConfiguration = z.strictObject({
  disablePasswordAuthentication: z.boolean().optional(),
  ssh: z
    .strictObject({
      publicKeys: z.array(z.strictObject({ path: z.string().optional(), keyData: z.string() })).optional(),
    })
    .optional(),
  provisionVMAgent: z.literal(true, 'VMs without an agent are not emulated').optional(),
});

const osProfile = z.strictObject({
  computerName: z
    .string()
    .regex(
      /^[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?$/,
      'The computer name is invalid: 1 to 64 letters, digits and hyphens',
    ),
  adminUsername: z.string().min(1).max(64),
  adminPassword: z.string().optional(),
  linuxConfiguration: linuxConfiguration.optional(),
  secrets: z.array(z.unknown()).max(0, 'Certificates from a vault are not emulated').optional(),
  allowExtensionOperations: z.literal(true, 'VMs that refuse extensions are not emulated').optional(),
});

export const virtualMachine = resource(
  z.strictObject({
    hardwareProfile: z.strictObject({ vmSize: z.string() }),
    storageProfile,
    osProfile,
    networkProfile: z.strictObject({
      networkInterfaces: z
        .array(
          z.strictObject({
            ...reference.shape,
            properties: z.strictObject({ primary: z.boolean().optional() }).optional(),
          }),
        )
        .length(1, 'One network interface is emulated'),
    }),
    diagnosticsProfile: z
      .strictObject({
        bootDiagnostics: z.strictObject({ enabled: z.literal(false, 'Boot diagnostics are not emulated') }),
      })
      .optional(),
    vmId: z.string().optional(),
  }),
  { location: z.string(), tags: tags.optional() },
);

const script = {
  fileUris: z.array(z.string().min(1)).optional(),
  commandToExecute: z.string().min(1).optional(),
};

export const customScript = resource(
  z.strictObject({
    publisher: z.string(),
    type: z.string(),
    typeHandlerVersion: z.string(),
    autoUpgradeMinorVersion: z.boolean().optional(),
    forceUpdateTag: z.string().optional(),
    settings: z
      .strictObject({ ...script, skipDos2Unix: z.boolean().optional(), timestamp: z.int().optional() })
      .optional(),
    protectedSettings: z
      .strictObject({
        ...script,
        script: z
          .base64()
          .max(256 * 1024)
          .optional(),
      })
      .optional(),
  }),
  { location: z.string(), tags: tags.optional() },
);
