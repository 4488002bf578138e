import { ServiceError } from '../errors.ts';

/** Why an image is not trusted: each fault has a type of its own. */
export type Fault =
  | 'ImageAbsent'
  | 'ImageUnsigned'
  | 'ImageSignatureRefused'
  | 'ProvenanceRefused'
  | 'BillOfMaterialsRefused'
  | 'AttachedReceiptRefused'
  | 'ImageModelDiffers';

/** `why` goes on after "the image …: ". */
export function imageNotTrusted(fault: Fault, image: string, why: string): ServiceError {
  const about = { cause: `${SAID[fault]} ${image}: ${why}.`, retryable: false } as const;
  switch (fault) {
    case 'ImageAbsent':
      return new ServiceError({
        ...about,
        class: 'input',
        type: 'ImageAbsent',
        nextStep: 'Check the image’s name and digest; `edge-train status RUN` tells them.',
      });
    case 'ImageUnsigned':
      return new ServiceError({
        ...about,
        class: 'policy',
        type: 'ImageUnsigned',
        nextStep: 'Do not deploy it. Set registry.signingKey in cloud.yml, and start the run again for a signed one.',
      });
    case 'ImageSignatureRefused':
      return new ServiceError({
        ...about,
        class: 'policy',
        type: 'ImageSignatureRefused',
        nextStep:
          'Do not deploy it. Check the key against the public half of registry.signingKey; after a rotation, give the old one too.',
      });
    case 'ProvenanceRefused':
      return new ServiceError({
        ...about,
        class: 'policy',
        type: 'ProvenanceRefused',
        nextStep:
          'Do not deploy it. Look who can write to the registry; start the run again for an image that states its origin.',
      });
    case 'BillOfMaterialsRefused':
      return new ServiceError({
        ...about,
        class: 'policy',
        type: 'BillOfMaterialsRefused',
        nextStep:
          'Do not deploy it. Look who can write to the registry; start the run again for an image with its own SBOM.',
      });
    case 'AttachedReceiptRefused':
      return new ServiceError({
        ...about,
        class: 'policy',
        type: 'AttachedReceiptRefused',
        nextStep: 'Do not deploy it. Check the receipt key against the site’s, and look who can write to the registry.',
      });
    case 'ImageModelDiffers':
      return new ServiceError({
        ...about,
        class: 'policy',
        type: 'ImageModelDiffers',
        nextStep: 'Do not deploy it: what is served would not be what the site released. Start the run again.',
      });
  }
}

const SAID: Readonly<Record<Fault, string>> = {
  ImageAbsent: 'There is no image',
  ImageUnsigned: 'Nobody signed the image',
  ImageSignatureRefused: 'The signature does not hold for the image',
  ProvenanceRefused: 'The provenance does not hold for the image',
  BillOfMaterialsRefused: 'The SBOM does not hold for the image',
  AttachedReceiptRefused: 'The receipt does not hold for the image',
  ImageModelDiffers: 'The model is not the one that left the site, in the image',
};
