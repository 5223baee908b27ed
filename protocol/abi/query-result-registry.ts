import { RECORD_BOOK_ABI } from './record-book.ts'

export const QUERY_RESULT_REGISTRY_ABI = [
  ...RECORD_BOOK_ABI,
  'event ResultRecorded(bytes32 indexed serial, address indexed provider, bytes32 digest)',
] as const
