import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * Does what standard input says, a line each, at the broker named by its argument, and answers each
 * with "done"; what fails ends it.
 *   scram USER MECHANISM PASSWORD       sets the password
 *   grant USER TOPIC, revoke USER TOPIC the right to write to a topic
 * librdkafka 2.0.2 cannot do the first; one process for all of a test saves a JVM each time.
 */
public class SecurityAdmin {
  public static void main(String[] arguments) throws Exception {
    var in = new BufferedReader(new InputStreamReader(System.in));
    try (var admin = Admin.create(Map.<String, Object>of("bootstrap.servers", arguments[0]))) {
      for (String line; (line = in.readLine()) != null;) {
        execute(admin, line.split(" "));
        System.out.println("done");
      }
    }
  }

  private static void execute(Admin admin, String[] words) throws Exception {
    switch (words[0]) {
      case "scram" -> {
        var credential = new ScramCredentialInfo(ScramMechanism.fromMechanismName(words[2]), 4096);
        var change = new UserScramCredentialUpsertion(words[1], credential, words[3]);
        admin.alterUserScramCredentials(List.of(change)).all().get();
      }
      case "grant" -> admin.createAcls(List.of(right(words[1], words[2]))).all().get();
      case "revoke" -> admin.deleteAcls(List.of(right(words[1], words[2]).toFilter())).all().get();
      default -> throw new IllegalArgumentException(words[0]);
    }
  }

  // WRITE implies DESCRIBE.
  private static AclBinding right(String user, String topic) {
    return new AclBinding(
        new ResourcePattern(ResourceType.TOPIC, topic, PatternType.LITERAL),
        new AccessControlEntry("User:" + user, "*", AclOperation.WRITE, AclPermissionType.ALLOW));
  }
}
