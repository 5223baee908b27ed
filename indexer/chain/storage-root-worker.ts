import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { StorageBook, type StorageRootTask } from './storage-book.ts'

// On Linux a thread has a priority of its own: whatever else there is to do comes first.
if (process.platform === 'linux') setPriority(0, 19)

const book = new StorageBook()
parentPort!.on('message', (task: StorageRootTask) => parentPort!.postMessage(book.answer(task)))
