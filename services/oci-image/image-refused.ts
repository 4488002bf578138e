/** Why an image is not used: of what it holds, never of the way to it. */
export class ImageRefused extends Error {}
