import DataPlane
import LinuxCalls

/// Which jobs are open at which worker, and who waits for each.
final class JobBook: Sendable {
    /// A job's place in the book, for as long as it lasts.
    struct Ticket: Sendable {
        fileprivate let worker: Int
        let place: UInt32
        fileprivate let serial: UInt32
    }

    /// Who is told of a result.
    enum Waiter: Sendable {
        case task(UnsafeContinuation<JobResult, Never>)
        case thread(ThreadWaiter)

        func tell(_ result: JobResult) {
            switch self {
            case .task(let continuation): continuation.resume(returning: result)
            case .thread(let waiter): waiter.tell(result)
            }
        }
    }

    /// A job that is at no worker: not yet, or not at the moment.
    struct Call: Sendable {
        let ticket: Ticket
        let waiter: Waiter
        var job: Job
    }

    private enum Place {
        case free
        /// There is a ticket, and no job at the worker.
        case reserved(isTakenBack: Bool)
        case open(Waiter, Job, isTakenBack: Bool)
    }

    private struct Page {
        let desk: JobDesk
        var places: [(serial: UInt32, state: Place)]
        var free: [UInt32]

        mutating func release(_ place: UInt32) {
            places[Int(place)].state = .free
            places[Int(place)].serial &+= 1
            free.append(place)
        }

        /// There is room for it: see `JobDesk`.
        func takeBack(_ ticket: Ticket) {
            var order = Job(.takeBack, place: ticket.place)
            order.serial = ticket.serial
            _ = desk.give(order)
        }
    }

    private let pages: Locked<[Page]>

    init(_ desks: [JobDesk]) {
        pages = Locked(
            desks.map { desk in
                Page(
                    desk: desk, places: Array(repeating: (0, .free), count: desk.capacity),
                    free: (0..<UInt32(desk.capacity)).reversed())
            })
    }

    /// A place at the worker with the fewest jobs, nil where all are taken.
    func reserve() -> Ticket? {
        pages.withLock { pages in
            guard let worker = pages.indices.max(by: { pages[$0].free.count < pages[$1].free.count }),
                let place = pages[worker].free.popLast()
            else { return nil }
            pages[worker].places[Int(place)].state = .reserved(isTakenBack: false)
            return Ticket(worker: worker, place: place, serial: pages[worker].places[Int(place)].serial)
        }
    }

    /// Gives the job to its worker. The waiter is told once, in any case.
    func open(_ call: Call) {
        let ticket = call.ticket
        let isRefused = pages.withLock { pages in
            let page = pages[ticket.worker]
            guard case .reserved(let isTakenBack) = page.places[Int(ticket.place)].state else {
                preconditionFailure("JobBook: a ticket was used twice")
            }
            var job = call.job
            job.serial = ticket.serial
            guard page.desk.give(job) else {
                pages[ticket.worker].release(ticket.place)
                return true
            }
            if isTakenBack { page.takeBack(ticket) }
            pages[ticket.worker].places[Int(ticket.place)].state = .open(call.waiter, job, isTakenBack: isTakenBack)
            return false
        }
        guard isRefused else { return }
        var result = JobResult()
        result.bytesUp = call.job.sentBefore
        call.waiter.tell(result)
    }

    /// The caller wants it back.
    func isTakenBack(_ ticket: Ticket) -> Bool {
        pages.withLock { pages in
            guard case .reserved(let isTakenBack) = pages[ticket.worker].places[Int(ticket.place)].state else {
                return false
            }
            return isTakenBack
        }
    }

    /// It has ended, and needs no worker for that.
    func close(_ call: Call, _ result: JobResult) {
        pages.withLock { $0[call.ticket.worker].release(call.ticket.place) }
        call.waiter.tell(result)
    }

    /// The job ends soon; one that has ended already, or is being taken back, is left alone.
    func takeBack(_ ticket: Ticket) {
        pages.withLock { pages in
            let (serial, state) = pages[ticket.worker].places[Int(ticket.place)]
            guard serial == ticket.serial else { return }
            switch state {
            case .reserved: pages[ticket.worker].places[Int(ticket.place)].state = .reserved(isTakenBack: true)
            case .open(let waiter, let job, isTakenBack: false):
                pages[ticket.worker].places[Int(ticket.place)].state = .open(waiter, job, isTakenBack: true)
                pages[ticket.worker].takeBack(ticket)
            case .open, .free: break
            }
        }
    }

    /// A worker has done with a job.
    /// - Returns: what it could not go on with, since the file is cold. The waiter waits on.
    func close(_ result: JobResult, of worker: Int) -> Call? {
        let call: Call? = pages.withLock { pages -> Call? in
            let (serial, state) = pages[worker].places[Int(result.place)]
            guard case .open(let waiter, var job, let isTakenBack) = state, serial == result.serial else { return nil }
            if result.isCold {
                job.sentBefore = result.bytesUp
                pages[worker].places[Int(result.place)].state = .reserved(isTakenBack: isTakenBack)
            } else {
                pages[worker].release(result.place)
            }
            return Call(ticket: Ticket(worker: worker, place: result.place, serial: serial), waiter: waiter, job: job)
        }
        if result.isCold { return call }
        call?.waiter.tell(result)
        return nil
    }
}

/// A thread that sleeps until its job is done, as the ancestor's caller did in tsleep(9).
final class ThreadWaiter: Sendable {
    private let isDone = Semaphore()
    private let result = Locked(JobResult())

    func tell(_ result: JobResult) {
        self.result.withLock { $0 = result }
        isDone.post()
    }

    func wait() -> JobResult {
        isDone.wait()
        return result.withLock { $0 }
    }
}
